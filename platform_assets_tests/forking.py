"""A process that forks many children that run the pipeline, and kill themselves where they are told.

It starts no thread: forking is safe only without. Polars makes its threads at first use, which is in
the children; ``POLARS_MAX_THREADS`` is set by whoever starts the process.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from platform_assets.flow.secret_scan import forms_in
from platform_assets.reports import pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[1]


def serve(job: Callable[[Path, int, str], object]) -> None:
    """Fork a child for each line of stdin, ``<home> <act> <before|after>``, that does the job there.

    One line on stdout says how it ended.
    """
    prepare_to_fork()
    for line in sys.stdin:
        home, act, moment = line.split()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                job(Path(home), int(act), moment)
                status = 0
            finally:
                os._exit(status)
        _, ended = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(ended)}\n")
        sys.stdout.flush()


@contextmanager
def fork_server(module: str) -> Iterator[subprocess.Popen[str]]:
    """Run a module that serves, for as long as the context lasts."""
    with subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "POLARS_MAX_THREADS": "1"},
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def forked(server: subprocess.Popen[str], home: Path, act: int, moment: str) -> int:
    """Have the job done by a child that is killed at an act (0: never); return how it ended."""
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(f"{home} {act} {moment}\n")
    server.stdin.flush()
    return int(server.stdout.readline())


def prepare_to_fork() -> None:
    """Do once what every child would do: compile the report's templates, import the detectors.

    And pandas, which PyArrow imports at its first conversion where it is installed.
    """
    if importlib.util.find_spec("pandas"):
        importlib.import_module("pandas")
    templates = pages.environment()
    for name in templates.list_templates():
        if name.endswith(".j2"):
            templates.get_template(name)
    forms_in(b"nothing to find")
    gc.collect()
    gc.freeze()  # so that children do not copy the parent's memory by collecting in it
