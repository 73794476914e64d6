"""The jobs of a feed: a whole run, its closure alone, and the certification of one output alone.

The UI cannot run the checks of one partition by themselves, so each output has a job for it; launch it
with the run as its partition. Every job is one process: steps share the opened home, and what a step
left is found in the store by the next one, in whatever process that runs.
"""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from platform_assets.declarations import FeedDeclaration
from platform_assets.orchestration.names import FEED_TAG, FeedNames


def feed_jobs(names: FeedNames, feed: FeedDeclaration) -> list[UnresolvedAssetJobDefinition]:
    """Return the jobs of a feed."""
    closing = dg.AssetSelection.assets(names.evidence, names.catalogue)
    return [
        _job(names, names.run_job, dg.AssetSelection.groups(names.feed), "A run, from anchors on."),
        _job(names, names.close_job, closing, "Close a run whose outputs are certified."),
        *(
            _job(
                names,
                names.certify_job(name),
                dg.AssetSelection.checks_for_assets(names.output(name)),
                f"Certify {name} of one run again, without building it.",
            )
            for name in feed.outputs()
        ),
    ]


def _job(
    names: FeedNames, name: str, selection: dg.AssetSelection, description: str
) -> UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        name,
        selection=selection,
        description=description,
        tags={FEED_TAG: names.feed},
        executor_def=dg.in_process_executor,
    )
