"""The verdict of a lane as a whole: from its evidence, and from nothing else.

A lane fails if a threshold fails or a requirement is not met; it has no data if a threshold has none;
it passes otherwise. Whoever verifies the evidence judges again, with this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_assets.lanes.pin import judge_digest
from platform_assets.lanes.recorded import Recorded, read_recorded
from platform_assets.lanes.requirements import Judging, evaluate
from platform_assets.lanes.verdict import Judgement, Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

    from platform_assets.flow.requirements import Requirement
    from platform_assets.flow.verification import BundleFiles
    from platform_assets.lanes.pin import Pin


@dataclass(frozen=True, slots=True)
class JudgedLane:
    """A lane and what became of it.

    Attributes:
        recorded: what it recorded.
        judging: under what it was judged.
        requirements: what it has to fulfil besides its thresholds.
        judgement: its thresholds.
    """

    recorded: Recorded
    judging: Judging
    requirements: tuple[Requirement, ...]
    judgement: Judgement

    @property
    def verdict(self) -> Verdict:
        """The verdict: PASS, FAIL or NO_DATA."""
        met = all(requirement.satisfied for requirement in self.requirements)
        return self.judgement.verdict if met else Verdict.FAIL


def judge_recorded(recorded: Recorded, judging: Judging) -> JudgedLane:
    """Judge a lane by what it recorded."""
    requirements = evaluate(recorded, judging)
    return JudgedLane(recorded, judging, requirements, judge(recorded.plan, recorded.measured))


def judge_lane(
    files: BundleFiles, pin: Pin, *, begun_at: datetime, code: Mapping[str, Any]
) -> JudgedLane:
    """Judge a lane whose evidence is complete but for its verdict and its report.

    Args:
        files: its evidence.
        pin: its pin, as it was made.
        begun_at: when its first event was due.
        code: the identity of the running code.
    """
    return judge_recorded(read_recorded(files, pin), Judging(begun_at, code, judge_digest()))
