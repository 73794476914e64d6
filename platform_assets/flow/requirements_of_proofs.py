"""Requirements on proofs: certified, recorded, of one run and configuration, claim held.

Whether a product is certified is decided by the gate itself, so that the closure cannot accept what a
reader would be refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest_bytes
from platform_assets.errors import GateRefusal
from platform_assets.flow.foreign import foreign_problems
from platform_assets.flow.gate import Found, Permit, decide
from platform_assets.flow.places import Place
from platform_assets.flow.receipts import parts_of_receipt
from platform_assets.flow.slices_in_evidence import slice_problems

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.flow.requirements_of_counts import Judged
    from platform_assets.flow.run_records import Document, RunRecords


def permit_of(records: RunRecords, product: str) -> Permit:
    """Return the gate's permit for the newest generation of a product.

    Raises:
        GateRefusal: the product may not be read; the class says why.
    """
    generation = records.newest_generation(product) or 0
    run = records.run
    return decide(
        Found(
            run=records.run,
            product=product,
            generation=generation or None,
            anchors=_bytes(records.at(Place("anchors", name=run.feed, number=run.sequence))),
            predecessor=_bytes(records.predecessor),
            successor=None,
            manifest=_bytes(records.manifest(product)),
            certificate=_bytes(records.certificate(product)),
            revocations=records.revocations(product),
            policy=records.policies.get(product, {"checks": []}),
        ),
        records.trust,
    )


def every_product_certified(records: RunRecords) -> Judged:
    """The gate would open every declared product, and its manifest names this run's receipts."""
    outputs = records.outputs()
    if not outputs:
        return ["no product is declared, or the configuration is not there"], ""
    problems, rows = [], 0
    for product in outputs:
        try:
            permit = permit_of(records, product)
        except GateRefusal as refusal:
            problems.append(f"{product}: {refusal.code}: {refusal.found}")
            continue
        rows += permit.manifest["rows"]
        problems += [f"{product} {problem}" for problem in _inputs(records, permit)]
        problems += [f"{product} {problem}" for problem in _strictness(records, permit)]
    return problems, f"{len(outputs)} products, {rows} rows: {', '.join(outputs)}"


def every_consumer_recorded(records: RunRecords) -> Judged:
    """Every declared consumer recorded what it read, and that is what its output's manifest names."""
    if not records.declaration:
        return ["the configuration is not there"], ""
    consumers = records.declaration.get("consumers", {})
    problems, inputs = [], 0
    for name, declared in consumers.items():
        document = records.consumption(name)
        if document is None:
            problems.append(f"{name} has no sound consumption record for its newest output")
            continue
        inputs += len(document.value["inputs"])
        problems += [f"{name} {p}" for p in _consumption(records, name, declared, document.value)]
    right = f"{len(consumers)} consumers read {inputs} certified products"
    return problems, right if consumers else "the feed declares no consumer"


def one_run_scope(records: RunRecords) -> Judged:
    """Every record is sound and in its place; what comes from other runs comes from closed ones."""
    problems = [f"{d.path}: {d.problem}" for d in records.parsed.values() if d.problem]
    if not records.documents:
        problems.append("there are no records")
    foreign = foreign_problems(records)
    runs = f", {len(foreign)} other runs, all closed" if foreign else ""
    problems += [f"{run_id}: {p}" for run_id, found in foreign.items() for p in found]
    return problems, f"{len(records.documents)} records of {records.run}{runs}"


def one_config_digest(records: RunRecords) -> Judged:
    """All records of the run name the configuration that its anchors name, and it is there."""
    if records.anchors is None:
        return [f"no sound anchors of {records.run}"], ""
    expected = records.anchors.value["config_digest"]
    problems = []
    if records.configuration is None:
        problems.append(f"the configuration {expected} is not there")
    elif records.configuration.value["feed"] != records.run.feed:
        problems.append(f"the configuration is that of {records.configuration.value['feed']}")
    own = [d for d in records.parsed.values() if d.value.get("run_id") == str(records.run)]
    problems += [
        f"{d.path} names {d.value['config_digest']}"
        for d in own
        if d.value.get("config_digest", expected) != expected
    ]
    return problems, f"{len(own)} records under {expected}"


def holds_claim(records: RunRecords) -> Judged:
    """The claim of the epoch has the closer's nonce, and every epoch before it is VOID."""
    run_id, problems = str(records.run), []
    claimed = records.sound(Place("claim", run_id, number=records.epoch))
    if claimed is None or claimed.value["nonce"] != records.nonce:
        found = claimed.value["nonce"] if claimed else "no sound claim"
        problems.append(f"epoch {records.epoch} is claimed by {found}, not {records.nonce}")
    problems += [
        f"epoch {epoch} is not VOID"
        for epoch in range(1, records.epoch)
        if not _is_void(records.sound(Place("seal", run_id, number=epoch)))
    ]
    if records.at(Place("seal", run_id, number=records.epoch)) is not None:
        problems.append(f"epoch {records.epoch} is sealed already")
    return problems, f"epoch {records.epoch}, nonce {records.nonce}"


def _is_void(seal: Document | None) -> bool:
    return seal is not None and seal.value.get("record") == "void"


def _strictness(records: RunRecords, permit: Permit) -> list[str]:
    """A product is encrypted where it is strict, and so is what it was made of; others are not."""
    declared = records.declaration
    outputs = {**declared["products"], **declared.get("consumers", {})}
    strict = bool(outputs[permit.product].get("strict"))
    if strict != ("encryption" in permit.manifest):
        return ["is strict and not encrypted" if strict else "is encrypted and not strict"]
    if not strict or permit.product not in declared["products"]:
        return []
    receipts = [
        document.value for kind in ("landing", "admission") for document in records.own(kind)
    ]
    parts = [part for receipt in receipts for part in parts_of_receipt(receipt)]
    clear = [part["path"] for part in parts if "plaintext" not in part]
    return [f"is strict, and {', '.join(clear)} is not encrypted"] if clear else []


def _inputs(records: RunRecords, permit: Permit) -> list[str]:
    """The manifest of an event product names the admission receipts of the run."""
    producer, inputs = permit.manifest["producer"], permit.manifest["inputs"]
    declared = records.declaration["products"].get(permit.product)
    if declared is None:
        kinds = {given["kind"] for given in inputs}
        made = (producer["kind"], producer["name"]) == ("consumer", permit.product)
        return [] if made and kinds == {"certificate"} else ["was not made by its consumer"]
    event = declared["event"]
    streams = [name for name, s in records.declaration["streams"].items() if event in s["events"]]
    receipts = {name: records.receipt("admission", name) for name in streams}
    expected = {("admission", name, d.digest if d else "") for name, d in receipts.items()}
    if {(g["kind"], g["name"], g["digest"]) for g in inputs} != expected:
        return ["was made of other admission receipts than the run's"]
    if (producer["kind"], producer["name"]) != ("event", event):
        return [f"was made of {producer['name']}, not of {event}"]
    admitted = sum(d.value["events"].get(event, {}).get("rows", 0) for d in receipts.values() if d)
    rows = permit.manifest["rows"]
    return [] if rows == admitted else [f"has {rows} rows, {admitted} were admitted"]


def _consumption(
    records: RunRecords, name: str, declared: Mapping[str, Any], record: Mapping[str, Any]
) -> list[str]:
    problems = []
    output = records.manifest(name)
    if output is None or output.problem or record["output"]["manifest_digest"] != output.digest:
        problems.append("recorded another output than its newest one")
    certificates = {given["certificate_digest"] for given in record["inputs"]}
    named = {given["digest"] for given in output.value.get("inputs", [])} if output else set()
    if certificates != named:
        problems.append("recorded other inputs than its output names")
    run_id = str(records.run)
    own = {given["product"]: given for given in record["inputs"] if given["run_id"] == run_id}
    reads = {given["product"] for given in declared["reads"] if given.get("this_run", True)}
    before = {given["product"] for given in declared["reads"]} | (
        {name} if "ledger" in declared else set()
    )
    read = {given["product"] for given in record["inputs"]}
    if set(own) != reads or not reads <= read <= reads | before:
        problems.append(f"read {sorted(own)} of this run, {sorted(reads)} are declared")
    if records.anchors is not None:
        problems += slice_problems(declared, record, records.anchors.value["pinned_at"])
    for product, given in own.items():
        standing = (_digest(records.manifest(product)), _digest(records.certificate(product)))
        if (given["manifest_digest"], given["certificate_digest"]) != standing:
            problems.append(f"read another {product} than the one that stands")
    return problems


def _bytes(document: Document | None) -> bytes | None:
    return document.data if document is not None else None


def _digest(document: Document | None) -> str:
    return digest_bytes(document.data) if document is not None else ""
