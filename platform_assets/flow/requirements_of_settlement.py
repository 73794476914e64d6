"""The requirement on runs that went side by side: settled where the receipt says, after closed runs.

A run that settled in a log took into account what other runs admitted, whether they were closed then or
not. It is closed only after they are, and each with exactly the admission that counted. So nothing that
was taken for a repeat repeats what was never certified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.flow.corrections import window_of
from platform_assets.flow.foreign import sealed_evidence, superseded_run
from platform_assets.flow.places import Place
from platform_assets.flow.settlements import Settlement, evidence_span, link_problem, log_name
from platform_assets.identifiers import RunId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from platform_assets.flow.requirements_of_counts import Judged
    from platform_assets.flow.run_records import Document, RunRecords


def goes_side_by_side(records: RunRecords) -> bool:
    """Tell whether a run has to stand in a settlement log, or says that it does.

    Its declaration says so when it was pinned. A correction has no place of its own.
    """
    declared = records.declaration
    beside = declared.get("window", {}).get("parallel", 1) > 1
    counting = declared.get("dedupe", {}).get("horizon_runs", 0) > 0
    corrects = superseded_run(records) is not None
    settled = any("settlement" in document.value for document in records.own("admission"))
    return settled or (beside and counting and not corrects)


def consulted_runs_closed(records: RunRecords) -> Judged:
    """The run is settled as its receipts say, and every run that it consulted is closed with that."""
    problems: list[str] = []
    expected: set[Place] = set()
    consulted = 0
    every = records.own("admission")
    receipts = [document for document in every if "settlement" in document.value]
    problems += [f"{d.path} stands in no settlement log" for d in every if d not in receipts]
    if not every:
        problems.append("nothing was admitted")
    horizon = int(records.declaration.get("dedupe", {}).get("horizon_runs", 0))
    for receipt in receipts:
        log = log_name(records.run.feed, receipt.value["stream"])
        settlement = receipt.value["settlement"]
        span = evidence_span(settlement, horizon)
        expected |= {Place("settlement", name=log, number=number) for number in span}
        found = [*_settled(records, receipt, log, span, horizon)]
        for given in settlement["consulted"]:
            found += _closed_otherwise(records, given, receipt.value["stream"])
        consulted += len(settlement["consulted"])
        problems += [f"{receipt.value['stream']}: {problem}" for problem in found]
    for document in records.parsed.values():
        place = document.place
        if place is not None and place.kind == "settlement" and place not in expected:
            problems.append(f"{document.path}: nothing refers to this entry")
    numbers = ", ".join(f"{r.value['stream']} {r.value['settlement']['number']}" for r in receipts)
    return problems, f"settled as {numbers}; {consulted} admissions consulted, all of closed runs"


def _settled(
    records: RunRecords, receipt: Document, log: str, span: range, horizon: int
) -> Iterable[str]:
    """The entries link, the last is the run's own, and none within the horizon was left out."""
    settlement, entries = receipt.value["settlement"], dict[int, Settlement]()
    for number in span:
        document = records.sound(Place("settlement", name=log, number=number))
        if document is None:
            yield f"no sound entry {number} of the settlement log"
            continue
        entries[number] = Settlement.of(document.value)
        before = entries.get(number - 1)
        problem = link_problem(before, entries[number]) if before or number == 1 else ""
        if problem:
            yield problem
    own = entries.get(settlement["number"])
    if own is not None and (own.run, own.admission_digest) != (records.run, receipt.digest):
        yield f"entry {own.number} settles {own.run} with {own.admission_digest}"
    numbers = [given["number"] for given in settlement["consulted"]]
    if numbers != sorted({n for n in numbers if n < settlement["number"]}):
        yield f"consulted the entries {numbers}, which are not in the order of the log before it"
    for number, entry in entries.items():
        if entry.run == records.run and number != settlement["number"]:
            yield f"entry {number} settles the run a second time"
        near = abs(entry.run.sequence - records.run.sequence) <= horizon
        if near and number < settlement["number"] and number not in numbers:
            yield f"entry {number} of {entry.run} is within the horizon and was not consulted"


def _closed_otherwise(records: RunRecords, given: Mapping[str, Any], stream: str) -> Iterable[str]:
    """A run that was consulted is closed, with the admission that was consulted."""
    run_id = given["run_id"]
    evidence = sealed_evidence(records.parsed, run_id, records.trust)
    if isinstance(evidence, str):
        yield f"{run_id}: {evidence}"
        return
    path = f"runs/{run_id}/admission/{stream}.json"
    listed = [entry["sha256"] for entry in evidence["records"] if entry["path"] == path]
    if [f"sha256:{sha256}" for sha256 in listed] != [given["admission_digest"]]:
        yield (
            f"{run_id}: {given['admission_digest']} was consulted, it was closed with "
            f"{', '.join(listed) or 'no admission of the stream'}"
        )
    entry = _entry_of(records, stream, given["number"])
    if entry is not None and _window(records, run_id) != str(entry.run):
        yield f"entry {given['number']} settles {entry.run}, {run_id} was consulted for it"


def _entry_of(records: RunRecords, stream: str, number: int) -> Settlement | None:
    log = log_name(records.run.feed, stream)
    document = records.sound(Place("settlement", name=log, number=number))
    return Settlement.of(document.value) if document is not None else None


def _window(records: RunRecords, run_id: str) -> str:
    """Return the run that read the window of a run first, as its anchors say."""
    run = RunId.parse(run_id)
    anchors = records.sound(Place("anchors", name=run.feed, number=run.sequence))
    return run_id if anchors is None else window_of(anchors.value)
