"""The job that replays one closed run of a feed; its partition is the run.

The result stands as metadata of the step and as an observation of the run's evidence, so that the
evidence's page shows every replay beside the closure. A divergence fails the job, and is no reason to
try again. Replays write into scratch only, so they need no turn among the runs of a feed.
"""

from typing import Literal

import dagster as dg

from platform_assets.flow.replay import Verdict
from platform_assets.identifiers import RunId
from platform_assets.orchestration.failures import refusals_fail_the_step
from platform_assets.orchestration.metadata import replay_metadata
from platform_assets.orchestration.names import FEED_TAG, FeedNames
from platform_assets.orchestration.resources import PlatformResource
from platform_assets.orchestration.withholding import withhold
from platform_assets.pipeline.replay import Start, replay_run


class ReplayConfig(dg.Config):
    """From what a run is rebuilt: its streams where they still have it, or one of the two."""

    start: Literal["where possible", "anchors", "landing"] = "where possible"


def replay_job(names: FeedNames) -> dg.JobDefinition:
    """Return the job of a feed."""

    @dg.op(name=f"{names.feed}__replay")
    def replay(
        context: dg.OpExecutionContext, config: ReplayConfig, platform: PlatformResource
    ) -> None:
        run = RunId.parse(context.partition_key)
        with refusals_fail_the_step(platform.secrets):
            result = replay_run(platform.open(), run, start=Start(config.start))
        shown = withhold(replay_metadata(result), platform.secrets)
        context.log_event(dg.AssetObservation(names.evidence, partition=str(run), metadata=shown))
        context.add_output_metadata(shown)
        if result.verdict is not Verdict.REPRODUCED:
            text = f"{run} has diverged"
            raise dg.Failure(text, metadata=shown, allow_retries=False)

    @dg.job(
        name=names.replay_job,
        description="Make a closed run again in scratch, and name the first divergence.",
        partitions_def=names.partitions,
        tags={FEED_TAG: names.feed},
        executor_def=dg.in_process_executor,
    )
    def job() -> None:
        replay()

    return job
