"""What a run was made under, read back from its evidence alone: its declaration, and what it consulted.

The configuration record holds the declaration without the checks, and the evidence holds the policies;
together they are the declaration of the run. A record sorts its keys, so the order that matters is
found again: a consumer stands behind what it reads, and the product that deduplication consulted stands
before others of the same event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from platform_assets.declarations import FeedDeclaration
from platform_assets.errors import RecordInvalid
from platform_assets.flow.corrections import window_of
from platform_assets.flow.foreign import references
from platform_assets.flow.places import Place
from platform_assets.flow.policy import policy_of
from platform_assets.identifiers import RunId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.flow.run_records import RunRecords


def declaration_of(records: RunRecords) -> FeedDeclaration:
    """Return the feed as it was declared for a run, with the policies under which it was closed.

    Raises:
        RecordInvalid: this release does not understand it, or understands something else.
    """
    pinned = records.declaration
    admissions = [document.value for document in records.own("admission")]
    consulted = {given["product"] for receipt in admissions for given in receipt["horizon"]}
    consulted |= {
        product
        for receipt in admissions
        for given in receipt.get("settlement", {}).get("consulted", ())
        for product in given["products"].values()
    }
    declared = {**pinned}
    for kind, behind in (
        ("products", _products_before(pinned["products"], consulted, records.policies)),
        ("consumers", _consumers_before(pinned["consumers"])),
    ):
        declared[kind] = {
            name: {**pinned[kind][name], "checks": records.policies[name]["checks"]}
            for name in _in_order(behind)
        }
    try:
        declaration = FeedDeclaration.model_validate(declared)
    except ValidationError as error:
        raise _not_understood(records.run, str(error)) from error
    for name, output in declaration.outputs().items():
        if policy_of(name, output.checks) != records.policies[name]:
            raise _not_understood(records.run, f"another policy of {name} than the recorded one")
    return declaration


def consulted_runs(records: RunRecords) -> tuple[RunId, ...]:
    """Return the runs before a run of which it consulted products, in the order of their windows.

    The run that a correction supersedes is referred to, and not consulted. Of windows after its own a
    run that went side by side with others reads nothing but identities; its receipt says which.
    """
    used = references(records.parsed, str(records.run))
    own = _window(records, records.run)
    found = {RunId.parse(each.run_id): None for each in used if each.product}
    windows = {run: _window(records, run) for run in found}
    return tuple(sorted((run for run in found if windows[run] < own), key=windows.__getitem__))


def engines_of(records: RunRecords) -> list[Mapping[str, Any]]:
    """Return the engine versions that made the products of a run."""
    manifests = [records.manifest(product) for product in records.outputs()]
    return [m.value["code"]["engines"] for m in manifests if m is not None and not m.problem]


def _window(records: RunRecords, run: RunId) -> str:
    anchors = records.sound(Place("anchors", name=run.feed, number=run.sequence))
    return str(run) if anchors is None else window_of(anchors.value)


def _products_before(
    products: Mapping[str, Any], consulted: set[str], policies: Mapping[str, Mapping[str, Any]]
) -> dict[str, set[str]]:
    """Return, for each product, those that stand before it."""
    before = {}
    for name, declared in products.items():
        read = {check.get("product") for check in policies[name]["checks"]}
        same = {other for other in consulted if products[other]["event"] == declared["event"]}
        before[name] = (read | (set() if name in consulted else same)) & set(products) - {name}
    return before


def _consumers_before(consumers: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return, for each consumer, those whose output it reads."""
    return {
        name: {read["product"] for read in declared["reads"]} & set(consumers)
        for name, declared in consumers.items()
    }


def _in_order(before: Mapping[str, set[str]]) -> list[str]:
    """Return the names so that each stands behind those before it; in a circle, as they come."""
    placed: list[str] = []
    while len(placed) < len(before):
        left = [name for name in before if name not in placed]
        placed.append(next((name for name in left if before[name] <= set(placed)), left[0]))
    return placed


def _not_understood(run: RunId, found: str) -> RecordInvalid:
    return RecordInvalid(
        f"configuration of {run}",
        expected="a declaration and policies that this release understands",
        found=found,
        remedy="Replay it with the release of platform-assets that its manifests name.",
    )
