"""Certifiers: one per output, all of its checks at once, and the certificate's verdict beside them.

The certificate decides, the check results mirror it. A certifier cannot run a part of its checks. A
declared check that the certificate does not list is shown as failed. Every check is partitioned by
run: a check without partitions would let the pass of one run stand for the failure of another.
"""

import inspect
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from platform_assets.declarations import ConsumerDeclaration, FeedDeclaration, ProductDeclaration
from platform_assets.declarations.checks import CheckDeclaration, check_name_of
from platform_assets.identifiers import RunId
from platform_assets.orchestration.failures import refusals_fail_the_step
from platform_assets.orchestration.metadata import (
    certificate_metadata,
    observation_metadata,
    use_metadata,
)
from platform_assets.orchestration.names import CERTIFICATE_CHECK, FeedNames
from platform_assets.orchestration.resources import PlatformResource
from platform_assets.orchestration.withholding import withhold
from platform_assets.pipeline import StepUse, certify, noted

#: What is shown of a declared check that the certificate does not list.
NOT_LISTED = {"outcome": "ERROR", "observed": "nothing", "expected": "an observation", "detail": ""}


def feed_certifiers(names: FeedNames, feed: FeedDeclaration) -> list[dg.AssetChecksDefinition]:
    """Return the certifiers of everything that a feed's policy names."""
    return [certifier(names, name, output) for name, output in feed.outputs().items()]


def certifier(
    names: FeedNames, name: str, output: ProductDeclaration | ConsumerDeclaration
) -> dg.AssetChecksDefinition:
    """Return the certifier of one output."""
    specs = [
        *(_declared_spec(names, name, check) for check in output.checks),
        _verdict_spec(names, name),
    ]

    @dg.multi_asset_check(
        name=names.certifier(name),
        specs=specs,
        can_subset=False,
        description=f"Runs every declared check of {name} and issues its certificate.",
    )
    def certify_output(
        context: dg.AssetCheckExecutionContext, platform: PlatformResource
    ) -> Iterator[dg.AssetCheckResult]:
        run = RunId.parse(context.op_execution_context.partition_key)
        with refusals_fail_the_step(platform.secrets), noted() as steps:
            certificate = certify(platform.open(), run, name)
        key, secrets = names.output(name), platform.secrets
        yield from check_results(key, output.checks, certificate, secrets, steps)

    return certify_output


def check_results(
    key: dg.AssetKey,
    checks: tuple[CheckDeclaration, ...],
    certificate: Mapping[str, Any],
    secrets: frozenset[str],
    steps: Sequence[StepUse] = (),
) -> Iterator[dg.AssetCheckResult]:
    """Mirror a certificate: a result for each declared check, then the verdict and what it took."""
    observed = {observation["name"]: observation for observation in certificate["checks"]}
    for check in checks:
        found = observed.get(check_name_of(check))
        yield dg.AssetCheckResult(
            asset_key=key,
            check_name=check_name_of(check),
            passed=found is not None and found["outcome"] == "PASS",
            metadata=withhold(observation_metadata(found or NOT_LISTED), secrets),
        )
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name=CERTIFICATE_CHECK,
        passed=certificate["verdict"] == "PASS",
        metadata=withhold({**certificate_metadata(certificate), **use_metadata(steps)}, secrets),
    )


def _declared_spec(names: FeedNames, output: str, check: CheckDeclaration) -> dg.AssetCheckSpec:
    consulted = [names.output(check.product)] if check.check == "referential" else []
    return _spec(names, output, check_name_of(check), inspect.getdoc(check) or "", consulted)


def _verdict_spec(names: FeedNames, output: str) -> dg.AssetCheckSpec:
    text = "The certificate of exactly the newest manifest says PASS."
    return _spec(names, output, CERTIFICATE_CHECK, text, [])


def _spec(
    names: FeedNames, output: str, name: str, description: str, consulted: list[dg.AssetKey]
) -> dg.AssetCheckSpec:
    with warnings.catch_warnings():
        # Partitioned checks are a preview. We need them, and the certificate does not depend on them.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(
            name,
            asset=names.output(output),
            description=description,
            additional_deps=consulted,
            blocking=True,
            partitions_def=names.partitions,
        )
