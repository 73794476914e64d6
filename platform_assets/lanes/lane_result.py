"""How a lane goes, what came of it, and what its folder says of that."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import rfc3339
from platform_assets.errors import LaneInterrupted, PlatformError
from platform_assets.lanes.lane_folders import State
from platform_assets.lanes.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platform_assets.lanes.judging import JudgedLane
    from platform_assets.lanes.lane_folders import LaneFolder
    from platform_assets.lanes.measuring import Status
    from platform_assets.lanes.plan import FaultKind, LanePlan


@dataclass(frozen=True, slots=True)
class LaneProgress:
    """How a lane goes, for people who look on. Moments are microseconds of the load."""

    lane_run: str
    doing: str
    at: int = 0
    until: int = 0
    status: Status | None = None


@dataclass(frozen=True, slots=True)
class LaneResult:
    """A judged lane, and where its evidence is."""

    folder: LaneFolder
    plan: LanePlan
    judged: JudgedLane

    @property
    def left_out(self) -> tuple[FaultKind, ...]:
        """Kinds of faults that could not strike the target."""
        return self.plan.schedule.left_out if self.plan.schedule is not None else ()

    @property
    def passed(self) -> bool:
        """Whether the verdict is PASS."""
        return self.judged.verdict is Verdict.PASS

    def as_json(self) -> dict[str, Any]:
        """Return it as the command line's ``--json`` prints it."""
        return {
            "lane_run": str(self.folder.run),
            "verdict": str(self.judged.verdict),
            "thresholds": [each.as_json() for each in self.judged.judgement.thresholds],
            "requirements": [each.as_json() for each in self.judged.requirements],
            "left_out": list(self.left_out),
            "evidence": str(self.folder.evidence),
            "report": str(self.folder.report),
        }


@contextmanager
def state_kept(folder: LaneFolder, plan: LanePlan) -> Iterator[None]:
    """Let the folder's state say how far the lane came.

    Raises:
        LaneInterrupted: by whatever ends a process and is no error: the keyboard, or who asks as it.
    """
    facts = {"profile": plan.profile, "begun_at": rfc3339(datetime.now(UTC))}
    folder.tell(State.RUNNING, **facts)
    try:
        yield
    except PlatformError as error:
        folder.tell(State.ENDED, **facts, **error.as_json())
        raise
    except Exception as error:
        folder.tell(State.ENDED, **facts, error=type(error).__name__, found=str(error))
        raise
    except BaseException as error:
        folder.tell(State.INTERRUPTED, **facts)
        raise LaneInterrupted(
            str(folder.run),
            expected="to come to its verdict",
            found="an interruption; all of its processes were ended",
            remedy=f"What was measured is in {folder.work}. Begin the lane anew; none goes on.",
        ) from error
