"""Runs that go side by side and are open at the same time settle by the same rules.

The order of a settlement log has no circle. The orders of several logs have none together as long as
every run looks as far to either side as the others do and follows the same first stream. A run that
looks less far may settle in a second stream before one that stood before it in the first; with a third
stream such runs would wait for each other to be closed, in a circle. So whoever is pinned while runs
that go side by side are open has their rules, or is pinned once they are closed:

1. whether it goes side by side at all,
2. how many windows its identities and its consumers look back,
3. from which streams it reads.

How many go at a time is no rule; it may change at any moment. The checks of a run are those of today:
which windows they read may change while it is open. See `consulted.require_history_before`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from platform_assets.errors import PredecessorOpen
from platform_assets.flow.continuity import is_correction
from platform_assets.pipeline import layout
from platform_assets.pipeline.pinned_runs import open_runs
from platform_assets.pipeline.records import read_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.pipeline.platform import Platform


@dataclass(frozen=True, slots=True)
class SettlementRules:
    """By what a run is settled, as far as others that are settled beside it have to have it alike."""

    horizon: int
    history: int
    streams: tuple[str, ...]

    @classmethod
    def of(cls, configuration: Mapping[str, Any]) -> Self | None:
        """Return the rules of a recorded configuration; None where a run does not go side by side."""
        declared = configuration["declaration"]
        horizon = declared["dedupe"]["horizon_runs"]
        if declared["window"].get("parallel", 1) == 1 or not horizon:
            return None
        consumers = declared["consumers"].values()
        history = [read["history_runs"] for consumer in consumers for read in consumer["reads"]]
        return cls(horizon, max(history, default=0), tuple(sorted(declared["streams"])))

    def __str__(self) -> str:
        """Return them in words."""
        return (
            f"side by side, horizon_runs {self.horizon}, history_runs {self.history}, "
            f"streams {', '.join(self.streams)}"
        )


def require_same_rules(
    platform: Platform,
    feed: str,
    config_digest: str,
    configuration: Mapping[str, Any],
    head: Mapping[str, Any] | None,
) -> None:
    """Refuse to pin a run under rules that open runs which go side by side do not have.

    Where the newest run has the same rules nothing else is looked at: it was pinned under this
    requirement itself.

    Args:
        platform: the opened home.
        feed: the feed's name.
        config_digest: the digest of the configuration.
        configuration: what the run would be pinned under.
        head: the newest anchors of the feed, None where there are none.

    Raises:
        PredecessorOpen: such a run is open.
    """
    if head is None:
        return
    rules = SettlementRules.of(configuration)
    same = head["config_digest"] == config_digest or recorded_rules(platform, head) == rules
    if same and not is_correction(head):
        return
    for run in open_runs(platform, feed):
        other = recorded_rules(platform, platform.anchors(run))
        if other is not None and other != rules:
            raise PredecessorOpen(
                f"the next run of {feed}",
                expected=f"no open run that goes side by side with others by other rules than "
                f"are declared now: {rules or 'one after the other'}",
                found=f"{run} open: {other}",
                remedy=f"Finish it first: platform-assets run {feed}. Or declare as before until then.",
            )


def recorded_rules(platform: Platform, anchors: Mapping[str, Any]) -> SettlementRules | None:
    """Return by what the run of some anchors is settled; None where it stands in no log."""
    if is_correction(anchors):
        return None
    path = layout.configuration_path(anchors["config_digest"])
    return SettlementRules.of(read_record(platform.store, path, "configuration"))
