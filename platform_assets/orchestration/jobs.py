"""The jobs of a feed: a whole run, its closure alone, and the certification of one output alone.

The UI cannot run the checks of one partition by themselves, so each output has a job for it; launch it
with the run as its partition. Every job is one process: steps share the opened home, and what a step
left is found in the store by the next one, in whatever process that runs. Jobs of a feed whose runs
build on each other carry a tag by which the queue runs them one after the other.
"""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from platform_assets.declarations import FeedDeclaration
from platform_assets.orchestration.names import FEED_TAG, IN_ORDER_TAG, FeedNames
from platform_assets.pipeline.reach import history_reach, reach_of


def feed_jobs(names: FeedNames, feed: FeedDeclaration) -> list[UnresolvedAssetJobDefinition]:
    """Return the jobs of a feed."""
    tags = {FEED_TAG: names.feed}
    if history_reach(feed) or (reach_of(feed) and not feed.side_by_side):
        tags[IN_ORDER_TAG] = names.feed
    closing = dg.AssetSelection.assets(names.evidence, names.catalogue)
    whole = dg.AssetSelection.groups(names.feed)
    return [
        _job(names.run_job, whole, tags, "A run, from anchors on."),
        _job(names.close_job, closing, tags, "Close a run whose outputs are certified."),
        *(
            _job(
                names.certify_job(name),
                dg.AssetSelection.checks_for_assets(names.output(name)),
                tags,
                f"Certify {name} of one run again, without building it.",
            )
            for name in feed.outputs()
        ),
    ]


def _job(
    name: str, selection: dg.AssetSelection, tags: dict[str, str], description: str
) -> UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        name,
        selection=selection,
        description=description,
        tags=tags,
        executor_def=dg.in_process_executor,
    )
