"""What a lane has to fulfil besides its thresholds.

All are always evaluated, and all are reported; a lane that does not meet one of them fails, whatever
its thresholds say. Each tells in its detail what it counted, or everything that it found wrong. The
detail follows from the evidence alone, so that whoever verifies it comes to the same words.

A lane that was not pinned before its first event, or is not judged by the code that its pin names, is
void: nothing that it measured counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import canonical_bytes, parse_rfc3339, rfc3339
from platform_assets.flow.policy import policy_digest
from platform_assets.flow.requirements import Requirement
from platform_assets.identifiers import RunId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from platform_assets.lanes.recorded import Recorded

#: What counts against a lane wherever it is not none at all.
_TRUTHS = ("lost", "doubled", "unexpected", "quarantine_error", "failed_runs")


@dataclass(frozen=True, slots=True)
class Judging:
    """Under what a lane is judged: when its first event was due, and code and sources that judge."""

    begun_at: datetime
    code: Mapping[str, Any]
    judge: str


#: What is wrong, and for when nothing is, what was found right.
_Found = tuple[list[str], str]


def evaluate(recorded: Recorded, judging: Judging) -> tuple[Requirement, ...]:
    """Judge every requirement of a lane, in a fixed order."""
    verdicts = []
    for name, judge in _REQUIREMENTS.items():
        problems, right = judge(recorded, judging)
        verdicts.append(Requirement(name, not problems, "; ".join(problems) or right))
    return tuple(verdicts)


def _well_formed(recorded: Recorded, _: Judging) -> _Found:
    problems = [f"{where}: {problem}" for where, problem in recorded.problems]
    samples = sum(len(samples) for samples in recorded.measured.series.values())
    return problems, f"{samples} samples, {len(recorded.runs)} runs, {len(recorded.faults)} faults"


def _pinned_first(recorded: Recorded, judging: Judging) -> _Found:
    sent = [ledger.first_sent_us for ledger in recorded.ledgers if ledger.first_sent_us is not None]
    if not sent:
        return ["void: no ledger says when the first event was sent"], ""
    first = judging.begun_at + timedelta(microseconds=min(sent))
    pinned_at = parse_rfc3339(recorded.pin.record["pinned_at"])
    said = f"pinned at {rfc3339(pinned_at)}, first event at {rfc3339(first)}"
    return ([] if pinned_at < first else [f"void: {said}"]), said


def _judged_by_pinned_code(recorded: Recorded, judging: Judging) -> _Found:
    pin = recorded.pin.record
    problems = [
        f"void: {key} is {_in_words(found)}, the pin names {_in_words(pin[key])}"
        for key, found in (("code", dict(judging.code)), ("judge", judging.judge))
        if found != pin[key]
    ]
    return problems, f"judged by {judging.judge}"


def _in_words(value: Any) -> str:
    """Write a record value in the one order that it has, wherever it was read from."""
    return value if isinstance(value, str) else canonical_bytes(value).decode()


def _ledgers_complete(recorded: Recorded, _: Judging) -> _Found:
    processes = recorded.plan.workload.processes
    found = {ledger.process for ledger in recorded.ledgers}
    problems = [
        f"process {n} has no ledger of this load" for n in range(processes) if n not in found
    ]
    sent = sum(ledger.sent for ledger in recorded.ledgers)
    return problems, f"{len(found)} ledgers, {sent} events sent"


def _every_run_closed(recorded: Recorded, _: Judging) -> _Found:
    """Every run that was pinned is closed, but for the last one of a probe, which found the limit."""
    runs = [run.run_id for run in recorded.runs]
    feed = recorded.plan.target.feed
    expected = [str(RunId(feed, number)) for number in range(1, len(runs) + 1)]
    problems = [] if runs else ["no run was pinned"]
    if runs != expected:
        problems.append(f"not the feed's runs from the first to the last: {', '.join(runs)}")
    last_may_be_open = recorded.plan.lane == "probe" and len(runs) > 1
    problems += [
        f"{run_id} is not CLOSED"
        for run_id in (runs[:-1] if last_may_be_open else runs)
        if run_id not in recorded.bundles
    ]
    return problems, f"{len(recorded.bundles)} of {len(runs)} runs CLOSED"


def _checks_as_declared(recorded: Recorded, _: Judging) -> _Found:
    pin, problems = recorded.pin.record, []
    for run_id, bundle in recorded.bundles.items():
        found = {name: policy_digest(of["policy"]) for name, of in bundle["products"].items()}
        problems += [
            f"{run_id}: {name} has the policy {found.get(name)}, pinned is {pin['policies'].get(name)}"
            for name in sorted({*found, *pin["policies"]})
            if found.get(name) != pin["policies"].get(name)
        ]
        if bundle["config_digest"] != pin["config_digest"]:
            problems.append(f"{run_id} has the configuration {bundle['config_digest']}")
    return problems, f"{len(pin['policies'])} outputs of {len(recorded.bundles)} runs as pinned"


def _events_accounted(recorded: Recorded, _: Judging) -> _Found:
    """Runs hold what was acknowledged, and besides at most what is ambiguous."""
    held = sum(bundle["totals"]["delivered"] for bundle in recorded.bundles.values())
    least = sum(ledger.acknowledged for ledger in recorded.ledgers)
    most = least + sum(ledger.counted(ledger.ambiguous) for ledger in recorded.ledgers)
    if recorded.plan.lane == "probe":
        least = 0  # what the window that found the limit would hold is in no closed run
    said = f"{held} events in closed runs, {least} to {most} by the ledgers"
    return ([] if least <= held <= most else [said]), said


def _truth_intact(recorded: Recorded, _: Judging) -> _Found:
    return list(_untrue(recorded)), f"{', '.join(_TRUTHS)}: none"


def _untrue(recorded: Recorded) -> Iterator[str]:
    for metric in _TRUTHS:
        samples = recorded.measured.series.get(metric, ())
        expected = recorded.measured.expected.get(metric, 1)
        if len(samples) < expected:
            yield f"{metric}: {len(samples)} of {expected} samples"
        for sample in samples:
            if sample.value:
                yield f"{metric}: {sample.value} {sample.label}".rstrip()


_REQUIREMENTS: Mapping[str, Callable[[Recorded, Judging], _Found]] = {
    "FilesWellFormed": _well_formed,
    "PinnedBeforeFirstEvent": _pinned_first,
    "JudgedByPinnedCode": _judged_by_pinned_code,
    "LedgersComplete": _ledgers_complete,
    "EveryRunClosed": _every_run_closed,
    "ChecksAsDeclared": _checks_as_declared,
    "EventsAccounted": _events_accounted,
    "TruthIntact": _truth_intact,
}
