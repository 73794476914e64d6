"""The last two assets of a run: its evidence, and the catalogue that shows certified products.

The evidence asset is the act of closing. It fails with every requirement that is not met, and once the
run is closed it answers with the same digest for ever. The catalogue lists certified parts only, so a
reader who comes through DuckDB is held to the same rule as one who comes through the gate.
"""

from pathlib import Path

import dagster as dg
from dagster_duckdb import DuckDBResource

from platform_assets.declarations import FeedDeclaration
from platform_assets.identifiers import RunId
from platform_assets.orchestration.assets import step_asset
from platform_assets.orchestration.failures import refusals_fail_the_step
from platform_assets.orchestration.metadata import Metadata, catalogue_metadata, closure_metadata
from platform_assets.orchestration.names import FeedNames
from platform_assets.orchestration.patience import waits
from platform_assets.orchestration.resources import PlatformResource
from platform_assets.pipeline import Platform, close
from platform_assets.pipeline.publish import left_out, publish
from platform_assets.pipeline.waiting import taken


def evidence_asset(names: FeedNames, feed: FeedDeclaration) -> dg.AssetsDefinition:
    """Return the evidence of a closed run."""

    def step(platform: Platform, run: RunId) -> tuple[Metadata, str | None]:
        closed = taken(close, waits(platform, run), platform, run)
        bundle = closed["bundle_digest"]
        shown = closure_metadata(bundle, Path(closed["report"]), str(run), platform.home)
        return shown, bundle

    outputs = [names.output(name) for name in feed.outputs()]
    text = "Closes the run: claim, requirements, evidence, seal."
    return step_asset(names, names.evidence, outputs, step, text)


def catalogue_asset(names: FeedNames) -> dg.AssetsDefinition:
    """Return the DuckDB views over the certified products of the feed's closed runs."""

    @dg.asset(
        key=names.catalogue,
        deps=[names.evidence],
        partitions_def=names.partitions,
        group_name=names.feed,
        kinds={"duckdb"},
        description="DuckDB views over certified parts of closed runs, and nothing else.",
    )
    def catalogue(platform: PlatformResource, duckdb: DuckDBResource) -> dg.MaterializeResult[None]:
        with refusals_fail_the_step(platform.secrets), duckdb.get_connection() as connection:
            opened = platform.open()
            views = publish(opened, names.feed, connection)
            omitted = left_out(opened, names.feed)
        return dg.MaterializeResult(metadata=catalogue_metadata(duckdb.database, views, omitted))

    return catalogue
