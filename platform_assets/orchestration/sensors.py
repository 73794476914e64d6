"""Sensors and the schedule of a feed. All are off until someone turns them on.

The offsets sensor pins a window when one is due and asks for the run of that partition. A window that
was pinned and whose run was never asked for, because the process died in between, is asked for at the
next tick: the run id is the run key, so Dagster starts each run once. Runs of a feed are asked for one
after the other, because a run takes the closed runs before it into account. A source that cannot be
reached fails the tick; it is never taken for "nothing new".

Dagster keeps the keys of the newest runs only; those of older closed runs are retired. The store is
the record of all runs.
"""

from collections.abc import Sequence

import dagster as dg

from platform_assets.canonical import digest
from platform_assets.identifiers import RunId
from platform_assets.orchestration.names import FEED_TAG, FeedNames
from platform_assets.orchestration.resources import PlatformResource
from platform_assets.pipeline import Platform, pin, product_state
from platform_assets.pipeline.pin import lag
from platform_assets.pipeline.run import open_run
from platform_assets.pipeline.state import is_closed

#: Seconds between two looks; Dagster itself looks no more often than every five.
INTERVAL = 30

#: Partition keys that a feed keeps in Dagster; its queries slow down with thousands of them.
LIVE_RUNS = 2_000


def offsets_sensor(names: FeedNames) -> dg.SensorDefinition:
    """Return the sensor that pins due windows and asks for their runs."""

    @dg.sensor(
        name=f"{names.feed}_offsets",
        job_name=names.run_job,
        minimum_interval_seconds=INTERVAL,
        description="Pins the next window when it is due, and starts its run.",
    )
    def offsets(
        context: dg.SensorEvaluationContext, platform: PlatformResource
    ) -> dg.SensorResult | dg.SkipReason:
        home = platform.open()
        run = open_run(home, names.feed) or pin(home, names.feed, force=False)
        if run is None:
            waiting = sum(sum(parts.values()) for parts in lag(home, names.feed).values())
            return dg.SkipReason(f"no window of {names.feed} is due; {waiting} offsets wait")
        known = context.instance.get_dynamic_partitions(str(names.partitions.name))
        return run_request(names, run, retired(home, known))

    return offsets


def ready_to_close_sensor(names: FeedNames) -> dg.SensorDefinition:
    """Return the sensor that closes a run whose outputs are all certified."""

    @dg.sensor(
        name=f"{names.feed}_ready_to_close",
        job_name=names.close_job,
        minimum_interval_seconds=INTERVAL,
        description="Closes a run once each of its outputs has a certificate that says PASS.",
    )
    def ready_to_close(platform: PlatformResource) -> dg.RunRequest | dg.SkipReason:
        home = platform.open()
        run = open_run(home, names.feed)
        if run is None:
            return dg.SkipReason(f"no run of {names.feed} is open")
        manifests, refused = certified(home, run)
        if refused:
            return dg.SkipReason(f"{run} is not certified: {', '.join(refused)}")
        return dg.RunRequest(
            # other bytes are another try; the same bytes are asked for once
            run_key=f"close {run} {digest(manifests)}",
            partition_key=str(run),
            tags={FEED_TAG: names.feed},
        )

    return ready_to_close


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
    ) -> dg.RunRequest | dg.SkipReason:
        home = platform.open()
        run = open_run(home, names.feed) or pin(home, names.feed)
        if run is None:
            return dg.SkipReason(f"nothing new in the streams of {names.feed}")
        context.instance.add_dynamic_partitions(str(names.partitions.name), [str(run)])
        return dg.RunRequest(str(run), partition_key=str(run), tags={FEED_TAG: names.feed})

    return hourly


def run_request(names: FeedNames, run: RunId, retire: Sequence[str]) -> dg.SensorResult:
    """Return what asks for a run: its partition, the request, and the keys that are retired."""
    changes: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = [
        names.partitions.build_add_request([str(run)])
    ]
    if retire:
        changes.append(names.partitions.build_delete_request(list(retire)))
    request = dg.RunRequest(str(run), partition_key=str(run), tags={FEED_TAG: names.feed})
    return dg.SensorResult(run_requests=[request], dynamic_partitions_requests=changes)


def retired(platform: Platform, keys: Sequence[str]) -> list[str]:
    """Return the keys of closed runs beyond those that a feed keeps, oldest first."""
    old = sorted(keys)[: max(0, len(keys) - LIVE_RUNS)]
    return [key for key in old if is_closed(platform, RunId.parse(key))]


def certified(platform: Platform, run: RunId) -> tuple[dict[str, str], list[str]]:
    """Return the manifest digest of each certified output of a run, and the outputs without one."""
    outputs = platform.run_configuration(run).declaration.outputs()
    states = {name: product_state(platform, run, name) for name in outputs}
    manifests = {n: state["manifest_digest"] for n, state in states.items() if state["readable"]}
    return manifests, [name for name in outputs if name not in manifests]
