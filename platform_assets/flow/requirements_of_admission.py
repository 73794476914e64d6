"""The requirement on admission: delivered = admitted + duplicate + quarantined.

Counts are added up again from the smallest numbers in the records; no total is believed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.contracts.reasons import ReasonCode
from platform_assets.flow.admission import accepted_of
from platform_assets.flow.requirements_of_counts import misplaced, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from platform_assets.flow.requirements_of_counts import Judged
    from platform_assets.flow.run_records import RunRecords

_OUTCOMES = ("admitted", "duplicate", "quarantined")


def admission_reconciles(records: RunRecords) -> Judged:
    """Delivered = admitted + duplicate + quarantined, per partition, per stream and in the parts."""
    if records.anchors is None:
        return [f"no sound anchors of {records.run}"], ""
    problems = []
    totals = dict.fromkeys(("delivered", *_OUTCOMES), 0)
    for stream in records.anchors.value["streams"]:
        name = stream["stream"]
        landing = records.receipt("landing", name)
        receipt = records.receipt("admission", name)
        if landing is None or receipt is None:
            problems.append(f"{name} has no sound landing or admission receipt")
            continue
        admission = receipt.value
        if admission["landing_digest"] != landing.digest:
            problems.append(f"{name} admitted another landing, {admission['landing_digest']}")
        declared = records.declaration.get("streams", {}).get(name, {}).get("events", {})
        if set(declared) != set(admission["events"]):
            problems.append(
                f"{name} admitted {sorted(admission['events'])}, not {sorted(declared)}"
            )
        problems += [f"{name} {p}" for p in _admission_problems(landing.value, admission)]
        for key in totals:
            totals[key] += admission[key]
    words = " + ".join(f"{totals[key]} {key}" for key in _OUTCOMES)
    return problems, f"{totals['delivered']} delivered = {words}"


def _admission_problems(landing: Mapping[str, Any], admission: Mapping[str, Any]) -> Iterable[str]:
    landed = {p["partition"]: p["delivered"] for p in landing["partitions"]}
    judged = {p["partition"]: p["delivered"] for p in admission["partitions"]}
    if landed != judged or len(judged) != len(admission["partitions"]):
        yield f"landed {landed}, admission judged {judged}"
    for partition in (*admission["partitions"], {**admission, "partition": "in all"}):
        found = sum(partition[outcome] for outcome in _OUTCOMES)
        if found != partition["delivered"]:
            yield f"{partition['partition']}: {partition['delivered']} delivered, {found} judged"
    for key in ("delivered", *_OUTCOMES):
        counted = sum(partition[key] for partition in admission["partitions"])
        if counted != admission[key]:
            yield f"{counted} {key} by partition, {admission[key]} in all"
    for table in (*admission["events"].values(), admission["duplicates"], admission["quarantine"]):
        yield from misplaced(table["parts"], f"admission/{admission['stream']}/")
    for outcome, table in (("duplicate", "duplicates"), ("quarantined", "quarantine")):
        rows = rows_of(admission[table]["parts"])
        if not rows == admission[table]["rows"] == admission[outcome]:
            yield f"{admission[outcome]} {outcome}, {rows} rows in parts"
    yield from _accepted_problems(admission)
    reasons = sum(admission["reasons"].values())
    if reasons < admission["quarantined"] or (reasons and not admission["quarantined"]):
        yield f"{admission['quarantined']} quarantined for {reasons} reasons"


def _accepted_problems(admission: Mapping[str, Any]) -> Iterable[str]:
    """What is accepted is admitted, a duplicate or a mismatch; in version 1 it is what is admitted."""
    accepted = 0
    for event, table in admission["events"].items():
        rows, said = rows_of(table["parts"]), accepted_of(admission, event)
        if rows != said or said < table["rows"]:
            yield f"{event}: {said} accepted, {table['rows']} admitted, {rows} rows in parts"
        accepted += said
    admitted = sum(table["rows"] for table in admission["events"].values())
    if admitted != admission["admitted"]:
        yield f"{admission['admitted']} admitted, {admitted} by event"
    mismatches = admission["reasons"].get(ReasonCode.PAYLOAD_MISMATCH.value, 0)
    found = admitted + admission["duplicate"] + mismatches
    if admission["version"] != 1 and accepted != found:
        yield (
            f"{accepted} accepted, {admitted} admitted + {admission['duplicate']} duplicate + "
            f"{mismatches} mismatches"
        )
