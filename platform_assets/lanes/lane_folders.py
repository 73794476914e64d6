"""The folders of lane runs: ``<home>/lanes/<lane run id>/``, numbered by lane, made once.

One lane of a home runs at a time: two at once would measure each other.

Below it ``evidence/`` holds what is signed, and ``work/`` the lane's own home, its logs and its
services. ``work/`` is removed in the end, unless it is to be kept or the lane did not come to its end:
then what was measured until then stays in it. ``state.json`` says how far the lane came; it is for
people, and no part of the evidence.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from platform_assets.errors import LaneUnderWay
from platform_assets.identifiers import LaneRunId
from platform_assets.lanes.evidence_files import REPORT_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from platform_assets.errors import PlatformError

_STATE_FILE = "state.json"
_LOCK_FILE = ".lock"


class State(StrEnum):
    """How far a lane came."""

    RUNNING = "running"
    JUDGED = "judged"
    INTERRUPTED = "interrupted"
    ENDED = "ended"
    """It ended before its verdict, for the error that its state names."""
    GONE = "gone"
    """Its process is no more, and could not say why."""


@dataclass(frozen=True, slots=True)
class LaneFolder:
    """The folder of one lane run."""

    run: LaneRunId
    path: Path

    @property
    def evidence(self) -> Path:
        """What is signed."""
        return self.path / "evidence"

    @property
    def report(self) -> Path:
        """The report, which is part of the evidence."""
        return self.evidence / REPORT_FILE

    @property
    def work(self) -> Path:
        """The lane's own home, logs and services."""
        return self.path / "work"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Show that the lane runs, for as long as the context and this process last."""
        with (self.path / _LOCK_FILE).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def tell(self, state: State, **facts: Any) -> None:
        """Say how far the lane came."""
        told = {"lane_run": str(self.run), "state": str(state), **facts}
        staged = self.path / f".{_STATE_FILE}.partial"
        staged.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        staged.replace(self.path / _STATE_FILE)

    def tell_ended(self, error: PlatformError) -> None:
        """Say that the lane ended before its verdict."""
        self.tell(State.ENDED, **error.as_json())

    def told(self) -> dict[str, Any]:
        """Return how far the lane came."""
        try:
            told: dict[str, Any] = json.loads((self.path / _STATE_FILE).read_bytes())
        except (OSError, ValueError):
            told = {"lane_run": str(self.run), "state": str(State.GONE)}
        if told["state"] == State.RUNNING and not self._is_held():
            told["state"] = str(State.GONE)
        return told

    def clear(self) -> None:
        """Remove what only served the lane while it ran."""
        shutil.rmtree(self.work, ignore_errors=True)

    def _is_held(self) -> bool:
        try:
            with (self.path / _LOCK_FILE).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False


@contextmanager
def only_lane(home: Path, lane: str) -> Iterator[LaneFolder]:
    """Give the folder of the next run of a lane, which is the only lane of the home meanwhile.

    Raises:
        LaneUnderWay: another one runs; this one has no number.
    """
    lanes = home / "lanes"
    lanes.mkdir(exist_ok=True)
    with (lanes / _LOCK_FILE).open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _under_way(home, lane) from None
        folder = new_lane_folder(home, lane)
        with folder.held():
            yield folder


def _under_way(home: Path, lane: str) -> LaneUnderWay:
    told = [folder.told() for folder in lane_folders(home)]
    running = [each["lane_run"] for each in told if each["state"] == State.RUNNING]
    return LaneUnderWay(
        f"lane {lane} in {home}",
        expected="no other lane that runs in this home",
        found=f"{', '.join(running) or 'one'} runs",
        remedy="Wait until it is over: platform-assets lane list. Or end it.",
    )


def new_lane_folder(home: Path, lane: str) -> LaneFolder:
    """Make the folder of the next run of a lane; of two processes that do so, each gets its own."""
    while True:
        taken = [folder.run.sequence for folder in lane_folders(home) if folder.run.lane == lane]
        run = LaneRunId(lane, max(taken, default=0) + 1)
        path = home / "lanes" / str(run)
        path.parent.mkdir(exist_ok=True)
        try:
            path.mkdir()
        except FileExistsError:
            continue
        folder = LaneFolder(run, path)
        folder.evidence.mkdir()
        folder.work.mkdir()
        return folder


def lane_folders(home: Path) -> list[LaneFolder]:
    """Return the folders of all lane runs of a home, by lane and number."""
    lanes = home / "lanes"
    found = [path.name for path in lanes.iterdir()] if lanes.is_dir() else []
    runs = sorted(LaneRunId.parse(name) for name in found if name.startswith("lane-"))
    return [LaneFolder(run, lanes / str(run)) for run in runs]
