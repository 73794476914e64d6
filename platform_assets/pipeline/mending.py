"""What closers did not come to do behind the seals of a feed's runs is done by whoever looks next.

1. A closed run is brought into the log of closures.
2. A record beside the run that a closed one corrects says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.pipeline.close import mend_log
from platform_assets.pipeline.closure_log import is_logged
from platform_assets.pipeline.corrections import corrections_of
from platform_assets.pipeline.pinned_runs import Passed, open_runs, runs
from platform_assets.pipeline.supersession import mend_supersessions

if TYPE_CHECKING:
    from platform_assets.pipeline.platform import Platform

_logged = Passed()


def mend(platform: Platform, feed: str) -> None:
    """Do what is left to be done behind the seals of a feed's closed runs.

    How far all of them stand in the log is remembered within the process: an entry stays.

    Raises:
        GateRefusal, EvidenceInconsistent: a seal stands and does not verify.
        SettingsInvalid, ClosureUnknown: as `closure_log.own_log`.
        UnknownOutcome: the store does not say what it wrote.
    """
    logged = _logged.through(platform, feed)
    every = runs(platform, feed, after=logged)
    standing = set(open_runs(platform, feed))  # asked afterwards: what is none of them is closed
    last, whole = logged, True
    for run in every:
        if run not in standing:
            mend_log(platform, run)  # 1
        whole = whole and run not in standing and is_logged(platform, run)
        last = run.sequence if whole else last
    if last > logged:
        _logged.note(platform, feed, last)
    mend_supersessions(platform, corrections_of(platform, feed))  # 2
