"""Homes are opened by several threads of one process: a code server does that."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

from platform_assets.declarations.functions import function_problem

if TYPE_CHECKING:
    from pathlib import Path


def test_functions_are_looked_up_by_many_threads_at_once(tmp_path: Path) -> None:
    problems: list[object] = []

    def look_up() -> None:
        for _ in range(200):
            try:
                problems.append(function_problem("json:loads", tmp_path))
            except KeyError as error:
                problems.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=look_up) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert set(problems) == {None}
