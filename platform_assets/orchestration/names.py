"""Keys and names of everything that a feed becomes in Dagster.

They are built here and nowhere else. Dagster wants op, job, sensor and schedule names to be unique in
a code location, so each begins with the feed, apart from ``certify_<product>``, which takes the feed's
name in front only where two feeds of a home have an output of the same name.
"""

from dataclasses import dataclass, field
from functools import cached_property

import dagster as dg

from platform_assets.declarations import FeedDeclaration
from platform_assets.errors import DeclarationInvalid

#: Names of assets that every feed has; no product or consumer can have them.
RESERVED_ASSETS = ("anchors", "lag", "evidence", "catalogue")

#: The check that mirrors the certificate's verdict; no declared check can have its name.
CERTIFICATE_CHECK = "certificate"

#: The group of the lanes, and what their keys begin with; no feed can have that name.
LANES_GROUP = "lanes"

#: The check that mirrors the verdict of a whole lane.
LANE_VERDICT_CHECK = "lane_verdict"

#: The tag by which a home's queue keeps lanes one after the other: two at once measure each other.
LANE_TAG = "platform_assets/lane"

#: The tag by which the runs of a feed are found.
FEED_TAG = "platform_assets/feed"

#: The tag by which a home's queue keeps runs of a feed that build on each other one after the other.
IN_ORDER_TAG = "platform_assets/in_order"


@dataclass(frozen=True)
class FeedNames:
    """Names in Dagster of one feed; ``shared`` are output names that another feed has as well."""

    feed: str
    shared: frozenset[str] = field(default_factory=frozenset)

    @cached_property
    def partitions(self) -> dg.DynamicPartitionsDefinition:
        """One partition per run; the key is the run id."""
        return dg.DynamicPartitionsDefinition(name=f"{self.feed}_runs")

    @property
    def anchors(self) -> dg.AssetKey:
        """The pinned window."""
        return dg.AssetKey([self.feed, "anchors"])

    @property
    def lag(self) -> dg.AssetKey:
        """What waits in the streams, as every tick finds it."""
        return dg.AssetKey([self.feed, "lag"])

    def landing(self, stream: str) -> dg.AssetKey:
        """The delivered bytes of a stream."""
        return dg.AssetKey([self.feed, f"{stream}_landing"])

    def admission(self, stream: str) -> dg.AssetKey:
        """The admitted, duplicate and quarantined records of a stream."""
        return dg.AssetKey([self.feed, f"{stream}_admission"])

    def output(self, name: str) -> dg.AssetKey:
        """A product, or the output of a consumer."""
        return dg.AssetKey([self.feed, name])

    def daily(self, name: str) -> dg.AssetKey:
        """A product by day of event time."""
        return dg.AssetKey([self.feed, f"{name}_daily"])

    def days(self, name: str) -> dg.DynamicPartitionsDefinition:
        """One partition per day of a product, ``YYYY-MM-DD`` or `undated`."""
        return dg.DynamicPartitionsDefinition(name=f"{self.feed}_{name}_days")

    @property
    def days_group(self) -> str:
        """The group of the products by day: they belong to no run."""
        return f"{self.feed}_days"

    def daily_job(self, name: str) -> str:
        """The job that compacts one day of a product."""
        return f"{self.feed}_{name}_daily"

    @property
    def evidence(self) -> dg.AssetKey:
        """The evidence of a closed run."""
        return dg.AssetKey([self.feed, "evidence"])

    @property
    def catalogue(self) -> dg.AssetKey:
        """The DuckDB views over certified products."""
        return dg.AssetKey([self.feed, "catalogue"])

    def certifier(self, output: str) -> str:
        """The op that certifies an output."""
        return f"{self.feed}__{output}__certifier"

    def certify_job(self, output: str) -> str:
        """The job that certifies one output alone."""
        return f"certify_{self.feed}_{output}" if output in self.shared else f"certify_{output}"

    @property
    def run_job(self) -> str:
        """The job that takes a run from its anchors to its evidence."""
        return f"{self.feed}_run"

    @property
    def close_job(self) -> str:
        """The job that closes a run whose outputs are certified."""
        return f"{self.feed}_close"

    @property
    def replay_job(self) -> str:
        """The job that makes a closed run again in scratch and compares."""
        return f"{self.feed}_replay"


def names_of(feed: FeedDeclaration, others: tuple[FeedDeclaration, ...] = ()) -> FeedNames:
    """Return the names of a feed that shares a code location with others.

    Raises:
        DeclarationInvalid: the feed, an output or a check has a name that the platform uses itself.
    """
    if feed.feed == LANES_GROUP:
        raise _reserved(f"feed {feed.feed}", (LANES_GROUP,))
    steps = [f"{stream}_{step}" for stream in feed.streams for step in ("landing", "admission")]
    days = [f"{name}_daily" for name, product in feed.products.items() if product.compaction]
    reserved = (*RESERVED_ASSETS, *steps, *days)
    for name, output in feed.outputs().items():
        if name in reserved:
            raise _reserved(f"{feed.feed}: output {name}", reserved)
        if any(check.name == CERTIFICATE_CHECK for check in output.checks):
            raise _reserved(f"{feed.feed}: a check of {name}", (CERTIFICATE_CHECK,))
    elsewhere = {name for other in others if other.feed != feed.feed for name in other.outputs()}
    return FeedNames(feed.feed, frozenset(elsewhere & set(feed.outputs())))


def _reserved(thing: str, reserved: tuple[str, ...]) -> DeclarationInvalid:
    return DeclarationInvalid(
        thing,
        expected=f"a name other than {', '.join(reserved)}",
        found="a name that the platform uses itself",
        remedy="Give it another name.",
    )
