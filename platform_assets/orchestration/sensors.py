"""Sensors and the schedule of a feed. All are off until someone turns them on.

The offsets sensor looks at the streams, pins the windows that are due as far as the feed's bound on
open runs allows, and asks for the runs that can proceed. What was pinned stands in the store before
anything is asked for: a window whose run was never asked for, because the process died in between, is
found open at the next tick. No cursor decides what is read or asked for.

A source that cannot be reached, or is another than the feed's log knows, fails the tick; it is never
taken for "nothing new". The tick after that looks again.
"""

import dagster as dg

from platform_assets.declarations import FeedDeclaration
from platform_assets.orchestration import ticks
from platform_assets.orchestration.failures import errors_fail_the_tick
from platform_assets.orchestration.names import FeedNames
from platform_assets.orchestration.patience import within_the_tick
from platform_assets.orchestration.requests import history_of
from platform_assets.orchestration.resources import PlatformResource
from platform_assets.pipeline.announce import announce
from platform_assets.pipeline.backpressure import take_turn
from platform_assets.pipeline.pinned_runs import open_runs

#: Seconds between two looks at what depends on no stream.
INTERVAL = 30


def offsets_sensor(names: FeedNames, feed: FeedDeclaration) -> dg.SensorDefinition:
    """Return the sensor that pins due windows and asks for their runs."""

    @dg.sensor(
        name=f"{names.feed}_offsets",
        job_name=names.run_job,
        # Dagster wakes up every five seconds; a look due a moment later would wait for the next time
        minimum_interval_seconds=feed.window.look_every_seconds - 1,
        description="Pins windows when they are due, and starts their runs.",
    )
    def offsets(context: dg.SensorEvaluationContext, platform: PlatformResource) -> dg.SensorResult:
        with errors_fail_the_tick(platform.secrets):
            home = platform.open()
            turn = within_the_tick(f"feed {names.feed}", lambda: take_turn(home, names.feed))
            asked = {run: history_of(context.instance, names, run) for run in turn.ready}
            known = context.instance.get_dynamic_partitions(str(names.partitions.name))
            return ticks.offsets_result(
                names, turn, asked, ticks.retired(home, known), context.cursor
            )

    return offsets


def ready_to_close_sensor(names: FeedNames) -> dg.SensorDefinition:
    """Return the sensor that closes runs whose outputs are all certified."""

    @dg.sensor(
        name=f"{names.feed}_ready_to_close",
        job_name=names.close_job,
        minimum_interval_seconds=INTERVAL,
        description="Closes a run once each of its outputs has a certificate that says PASS.",
    )
    def ready_to_close(
        context: dg.SensorEvaluationContext, platform: PlatformResource
    ) -> dg.SensorResult:
        with errors_fail_the_tick(platform.secrets):
            home = platform.open()
            standing = open_runs(home, names.feed)
            asked = {run: history_of(context.instance, names, run) for run in standing}
            return ticks.closing_result(names, home, asked)

    return ready_to_close


def announce_sensor(names: FeedNames, feed: FeedDeclaration) -> dg.SensorDefinition:
    """Return the sensor that announces certified products and closed runs; it starts no run."""

    @dg.sensor(
        name=f"{names.feed}_announce",
        minimum_interval_seconds=feed.window.look_every_seconds - 1,
        description="Announces certified products and closed runs on the feed's control topic.",
    )
    def announcing(platform: PlatformResource) -> dg.SkipReason:
        with errors_fail_the_tick(platform.secrets):
            home = platform.open()
            answer = within_the_tick(f"feed {names.feed}", lambda: announce(home, names.feed))
        return dg.SkipReason(ticks.announced(answer))

    return announcing


def catch_up_schedule(names: FeedNames) -> dg.ScheduleDefinition:
    """Return the hourly schedule that pins whatever is there, full window or not."""

    @dg.schedule(
        name=f"{names.feed}_hourly",
        job_name=names.run_job,
        cron_schedule="0 * * * *",
        description="Takes up whatever the streams hold, once an hour, full window or not.",
    )
    def hourly(
        context: dg.ScheduleEvaluationContext, platform: PlatformResource
    ) -> list[dg.RunRequest] | dg.SkipReason:
        with errors_fail_the_tick(platform.secrets):
            home = platform.open()
            turn = within_the_tick(
                f"feed {names.feed}", lambda: take_turn(home, names.feed, force=True)
            )
            asked = {run: history_of(context.instance, names, run) for run in turn.ready}
            requests = ticks.wanted(asked)
            keys = [str(request.partition_key) for request in requests]
            context.instance.add_dynamic_partitions(str(names.partitions.name), keys)
            context.instance.report_runless_asset_event(ticks.observation(names, turn))
        return requests or dg.SkipReason(ticks.skip_reason(names, turn, asked))

    return hourly
