"""The job that deletes the data of a feed's closed runs by its retention; a schedule may start it.

It exists where the feed declares a retention. What it deletes it signs for, as the command line does,
and a run that cannot be torn down fails the job after the others were.
"""

import dagster as dg

from platform_assets.adapters.removals import open_removal
from platform_assets.declarations import FeedDeclaration
from platform_assets.errors import PlatformError
from platform_assets.orchestration.failures import refusals_fail_the_step
from platform_assets.orchestration.names import FEED_TAG, FeedNames
from platform_assets.orchestration.resources import PlatformResource
from platform_assets.pipeline import Platform
from platform_assets.pipeline.teardown import closed_runs_of, teardown


def teardown_jobs(names: FeedNames, feed: FeedDeclaration) -> list[dg.JobDefinition]:
    """Return the job of a feed that declares a retention, none otherwise."""
    if not any(feed.retention.model_dump().values()):
        return []

    @dg.op(name=f"{names.feed}__teardown")
    def delete(context: dg.OpExecutionContext, platform: PlatformResource) -> None:
        with refusals_fail_the_step(platform.secrets):
            for line in delete_due(platform.open(), names.feed):
                context.log.info(line)

    @dg.job(
        name=f"{names.feed}_teardown",
        description="Delete what is past its retention of closed runs, with a signed proof.",
        tags={FEED_TAG: names.feed},
        executor_def=dg.in_process_executor,
    )
    def job() -> None:
        delete()

    return [job]


def delete_due(platform: Platform, feed: str) -> list[str]:
    """Tear down every closed run of a feed and return a line on each of which something was deleted.

    Raises:
        PlatformError: a run could not be torn down; the others were.
    """
    removal = open_removal(platform.settings, platform.home)
    lines: list[str] = []
    refused: PlatformError | None = None
    for run in closed_runs_of(platform, feed):
        try:
            answer = teardown(platform, removal, run)
        except PlatformError as error:
            refused = refused or error
            continue
        gone = len(answer["removed"]) + len(answer["unlisted"])
        if gone:
            lines.append(f"{run}: {gone} files deleted, signed record {answer['path']}")
    if refused is not None:
        raise refused
    return lines
