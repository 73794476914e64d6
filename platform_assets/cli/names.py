"""Names and paths as they are given on the command line: held against what there is, before any work.

A run that does not exist, an output that cannot be written, an output inside the store are mistakes of
the call (exit code 2), found before anything is hashed or written.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from platform_assets.adapters.full_disks import disk_problem
from platform_assets.errors import (
    ConfigurationError,
    DependencyUnreachable,
    InvalidName,
    PlatformError,
    UnknownThing,
)
from platform_assets.identifiers import RunId

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platform_assets.pipeline import Platform


def known_run(platform: Platform, text: str) -> RunId:
    """Return the run of that id.

    Raises:
        InvalidName: the text is no run id.
        UnknownThing: no such run was pinned, or no such feed is declared.
    """
    from platform_assets.pipeline import layout, runs  # noqa: PLC0415

    run = RunId.parse(text)
    if platform.store.exists(layout.anchors_path(run)):
        return run
    pinned = runs(platform, run.feed)
    if not pinned:
        raise UnknownThing(
            f"run {run}",
            expected="a pinned run",
            found=f"none; nothing of {run.feed} was pinned yet",
            remedy=f"Pin the first window: platform-assets run {run.feed}",
        )
    raise UnknownThing(
        f"run {run}",
        expected=f"a pinned run, {pinned[0]} to {pinned[-1]}",
        found="no such run",
        remedy=f"List the runs: platform-assets runs {run.feed}",
    )


def run_if_no_evidence(target: str, exported: str) -> RunId:
    """Return the run that is named where no exported evidence stands at a path.

    Args:
        target: what was given as RUN|BUNDLE.
        exported: the options with which such evidence is exported.

    Raises:
        InvalidName: it is no run id either.
    """
    try:
        return RunId.parse(target)
    except InvalidName as error:
        raise InvalidName(
            f"{target!r}",
            expected="a run id, or the path of exported evidence",
            found="neither: no file or folder is there",
            remedy=f"Export a run: platform-assets export RUN --out FILE.tar{exported}",
        ) from error


def check_target(platform: Platform, out: Path, option: str = "--out") -> Path:
    """Return an output's absolute path if something may be written there.

    Raises:
        ConfigurationError: its folder is missing, or it lies inside the store.
    """
    folder = out.absolute().parent
    if not folder.is_dir():
        raise ConfigurationError(
            f"{option} {out}",
            expected="a path in a folder that exists",
            found=f"{folder}, which is {'no folder' if folder.exists() else 'missing'}",
            remedy="Make the folder, or name another.",
        )
    store = (platform.home / platform.settings.store).resolve()
    if (folder.resolve() / out.name).is_relative_to(store):
        raise ConfigurationError(
            f"{option} {out}",
            expected="a path outside the store",
            found=f"one inside {store}, where only the platform writes",
            remedy="Name another folder.",
        )
    return folder / out.name


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """Give a path beside the target to write to; afterwards it takes the target's place, or is gone.

    Raises:
        ConfigurationError: this user may not write there.
        DependencyUnreachable: the disk is full or fails.
    """
    staged = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with writing(target):
            staged.touch(exist_ok=False)  # says plainly if nothing may be written there
            yield staged
            with staged.open("rb") as file:
                os.fsync(file.fileno())
            staged.replace(target)
    finally:
        staged.unlink(missing_ok=True)


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turn failures to write an output into errors that say whose they are."""
    try:
        yield
    except (PermissionError, IsADirectoryError, NotADirectoryError) as error:
        raise ConfigurationError(
            f"--out {target}",
            expected="a path that this user may write",
            found=error.strerror or str(error),
            remedy="Name another path, or give this user write access.",
        ) from error
    except PlatformError:
        raise
    except Exception as error:
        # an engine has its own errors for a disk that is full
        found = disk_problem(error)
        if not found and isinstance(error, OSError):
            found = error.strerror or str(error)
        if not found:
            raise
        raise DependencyUnreachable(
            f"--out {target}",
            expected="a disk that takes the output",
            found=found,
            remedy="Look at the disk, then call the same command again.",
        ) from error
