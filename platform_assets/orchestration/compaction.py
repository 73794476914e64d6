"""A product by day in Dagster, where it declares ``compaction: daily``: asset, checks, schedule.

The day of event time is the partition. Compacting and certifying a day is one step, because a day that
is not certified is of no use; the check results mirror its certificate, and the gate decides who reads.
The schedule is off until someone turns it on. It asks for the days that may not be read as they stand:
those with rows that are not compacted, and those whose runs do not count as they did.
"""

import inspect
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from platform_assets.declarations import FeedDeclaration, ProductDeclaration
from platform_assets.declarations.checks import check_name_of
from platform_assets.flow.compaction import INPUTS_MERGE, day_policy
from platform_assets.orchestration.certifiers import NOT_LISTED
from platform_assets.orchestration.failures import errors_fail_the_tick, refusals_fail_the_step
from platform_assets.orchestration.metadata import (
    certificate_metadata,
    day_metadata,
    observation_metadata,
    use_metadata,
)
from platform_assets.orchestration.names import CERTIFICATE_CHECK, FEED_TAG, FeedNames
from platform_assets.orchestration.resources import PlatformResource
from platform_assets.orchestration.withholding import withhold
from platform_assets.pipeline import noted
from platform_assets.pipeline.compact import compact_day
from platform_assets.pipeline.day_inspect import days_due

_ABOUT: dict[str, str | None] = {
    INPUTS_MERGE: "The slices of all its runs merge to what the files of the day hold.",
    CERTIFICATE_CHECK: "The certificate of exactly the newest manifest of the day says PASS.",
}


def compaction_definitions(names: FeedNames, feed: FeedDeclaration) -> dg.Definitions:
    """Return what compaction is in Dagster: nothing for a feed whose products declare none."""
    daily = {name: made for name, made in feed.products.items() if made.compaction is not None}
    return dg.Definitions(
        assets=[daily_asset(names, name, product) for name, product in daily.items()],
        jobs=[daily_job(names, name) for name in daily],
        schedules=[daily_schedule(names, name) for name in daily],
    )


def daily_asset(names: FeedNames, name: str, product: ProductDeclaration) -> dg.AssetsDefinition:
    """Return the product by day; each day is made of every run that counts."""
    checks = [check["name"] for check in day_policy(name, product.checks)["checks"]]
    described = _ABOUT | {check_name_of(check): inspect.getdoc(check) for check in product.checks}

    @dg.asset(
        key=names.daily(name),
        deps=[dg.AssetDep(names.output(name), partition_mapping=dg.AllPartitionMapping())],
        partitions_def=names.days(name),
        group_name=names.days_group,
        check_specs=[
            _spec(names, name, check, described.get(check))
            for check in (*checks, CERTIFICATE_CHECK)
        ],
        description=f"All certified rows of {name} of one day of event time, from all closed runs.",
    )
    def daily(
        context: dg.AssetExecutionContext, platform: PlatformResource
    ) -> Iterator[dg.MaterializeResult[None]]:
        with refusals_fail_the_step(platform.secrets), noted() as steps:
            made = compact_day(platform.open(), names.feed, name, context.partition_key)
        yield dg.MaterializeResult(
            metadata=withhold({**day_metadata(made), **use_metadata(steps)}, platform.secrets),
            data_version=dg.DataVersion(made["content_digest"]),
            check_results=list(_results(checks, made["certificate"], platform.secrets)),
        )

    return daily


def daily_job(names: FeedNames, name: str) -> UnresolvedAssetJobDefinition:
    """Return the job that compacts one day."""
    return dg.define_asset_job(
        names.daily_job(name),
        selection=dg.AssetSelection.assets(names.daily(name)),
        description=f"Compact and certify {name} of one day.",
        tags={FEED_TAG: names.feed},
        executor_def=dg.in_process_executor,
    )


def daily_schedule(names: FeedNames, name: str) -> dg.ScheduleDefinition:
    """Return the hourly schedule that asks for the days that are due."""

    @dg.schedule(
        name=f"{names.daily_job(name)}_hourly",
        job_name=names.daily_job(name),
        cron_schedule="30 * * * *",
        description=f"Compacts the days of {name} with new, late or corrected events, once an hour.",
    )
    def due(
        context: dg.ScheduleEvaluationContext, platform: PlatformResource
    ) -> list[dg.RunRequest] | dg.SkipReason:
        with errors_fail_the_tick(platform.secrets):
            days = days_due(platform.open(), names.feed, name)
            context.instance.add_dynamic_partitions(str(names.days(name).name), days)
        # Dagster takes several requests of a tick only by keys, and never takes a key again. A day that
        # is due once more has another tick.
        tick = context.scheduled_execution_time.isoformat()
        requests = [dg.RunRequest(run_key=f"{day} {tick}", partition_key=day) for day in days]
        return requests or dg.SkipReason(f"Every day of {name} stands as it should.")

    return due


def _results(
    checks: list[str], certificate: Mapping[str, Any], secrets: frozenset[str]
) -> Iterator[dg.AssetCheckResult]:
    observed = {observation["name"]: observation for observation in certificate["checks"]}
    for name in checks:
        found = observed.get(name, NOT_LISTED)
        yield dg.AssetCheckResult(
            check_name=name,
            passed=found["outcome"] == "PASS",
            metadata=withhold(observation_metadata(found), secrets),
        )
    yield dg.AssetCheckResult(
        check_name=CERTIFICATE_CHECK,
        passed=certificate["verdict"] == "PASS",
        metadata=withhold(certificate_metadata(certificate), secrets),
    )


def _spec(names: FeedNames, name: str, check: str, about: str | None) -> dg.AssetCheckSpec:
    with warnings.catch_warnings():
        # Partitioned checks are a preview. We need them, and the certificate does not depend on them.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(
            check,
            asset=names.daily(name),
            description=about,
            partitions_def=names.days(name),
            blocking=True,
        )
