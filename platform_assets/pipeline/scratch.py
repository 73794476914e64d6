"""Scratch folders: one for each step, gone when the step ends, swept when its process was killed.

A folder is named after its machine and process. Only what a process of this machine left that is alive
no more is swept; folders of other machines that share the home are theirs.
"""

from __future__ import annotations

import glob
import os
import shutil
import socket
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from platform_assets.adapters.full_disks import disk_problem
from platform_assets.adapters.spilling import no_room
from platform_assets.adapters.watch import require, spilling
from platform_assets.errors import DependencyUnreachable, PlatformError, SettingsInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from platform_assets.adapters.budget import Budget


@contextmanager
def scratch_folder(root: Path) -> Iterator[Path]:
    """Give an empty folder of its own below the root; it is gone afterwards.

    Raises:
        DependencyUnreachable: the disk takes no more, whoever wrote to it.
        MemoryExceeded, SpillExhausted: the step took more than it may before it came here.
    """
    try:
        require()
        with _own_folder(root) as folder:
            yield folder
    except PlatformError:
        raise
    except Exception as error:
        problem = disk_problem(error)
        if not problem:
            raise
        raise DependencyUnreachable(
            f"scratch space {root}",
            expected="room for the parts that a step writes",
            found=problem,
            remedy="Free space there, or name another folder as `scratch` in platform.yaml. Then run "
            "the step again.",
        ) from error


@contextmanager
def spill_folder(budget: Budget) -> Iterator[Path]:
    """Give an empty folder for what does not fit in memory; it is gone afterwards.

    Raises:
        DependencyUnreachable: the disk takes no more, whoever wrote to it.
        SpillExhausted: the step spilled as much as it may.
    """
    try:
        with _own_folder(budget.spill_dir) as folder, spilling(folder):
            yield folder
    except PlatformError:
        raise
    except Exception as error:
        if refusal := no_room(budget.spill_dir, budget.spill_limit, error):
            raise refusal from error
        raise


@contextmanager
def _own_folder(root: Path) -> Iterator[Path]:
    folder = make_folder(root)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_folder(root: Path) -> Path:
    """Return a new folder below the root that only its owner may enter; who makes it removes it.

    Raises:
        SettingsInvalid: the root cannot be made, or nothing can be made in it.
    """
    sweep(root)
    try:
        root.mkdir(parents=True, exist_ok=True)
        return root / tempfile.mkdtemp(prefix=f"{socket.gethostname()}.{os.getpid()}.", dir=root)
    except OSError as error:
        if disk_problem(error):
            raise
        raise SettingsInvalid(
            str(root),
            expected="a folder in which this process can make folders of its own",
            found=error.strerror or str(error),
            remedy="Mount it or mend its permissions, or name another folder as `scratch` or "
            "`spill_dir` in platform.yaml.",
        ) from error


def sweep(root: Path) -> None:
    """Remove the folders that dead processes of this machine left."""
    machine = socket.gethostname()
    for folder in root.glob(f"{glob.escape(machine)}.*.*"):
        process = folder.name.removeprefix(f"{machine}.").split(".")[0]
        if process.isdigit() and not _alive(int(process)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
