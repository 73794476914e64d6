"""The settlement log of a stream: in which order runs that go side by side settled their identities.

1. Entries are numbered from 1 without a hole, and each names the digest of the one before it. The
   creation of entry n is the moment at which what its run admitted is certain.
2. A run has at most one entry. It names the receipt of the run's admission by digest.
3. Before a run counts every run whose entry has a lower number and whose window is within the dedupe
   horizon, on either side: of two windows within the horizon the one that settles later takes the other
   into account, and so each identity is admitted once.
4. A correction has no entry of its own. It stands where the run that it supersedes stands.

The log decides, not the clock and not the sequence of the windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest
from platform_assets.errors import ChainBroken
from platform_assets.identifiers import RunId

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Settlement:
    """One entry of a log, as it stands there.

    Attributes:
        number: its number, from 1.
        run: the run that is settled.
        admission_digest: the digest of the run's receipt.
        predecessor: the digest of the entry before it, None for the first.
        highest: the highest sequence of a run in the log up to this entry.
        digest: the digest of the entry.
    """

    number: int
    run: RunId
    admission_digest: str
    predecessor: str | None
    highest: int
    digest: str

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Settlement:
        """Return the entry that a valid record is."""
        return cls(
            record["number"],
            RunId.parse(record["run_id"]),
            record["admission_digest"],
            record["predecessor"],
            record["highest"],
            digest(record),
        )


def log_name(feed: str, stream: str) -> str:
    """Return the name of a stream's log, as entries have it."""
    return f"{feed}/{stream}"


def settlement_record(
    receipt: Mapping[str, Any], admission_digest: str, before: Settlement | None
) -> dict[str, Any]:
    """Return the entry by which a receipt settles its run, behind the entry before it."""
    run = RunId.parse(receipt["run_id"])
    return {
        "record": "settlement",
        "version": 1,
        "run_id": str(run),
        "config_digest": receipt["config_digest"],
        "log": log_name(run.feed, receipt["stream"]),
        "number": before.number + 1 if before else 1,
        "admission_digest": admission_digest,
        "predecessor": before.digest if before else None,
        "highest": max(run.sequence, before.highest if before else 0),
    }


def link_problem(before: Settlement | None, entry: Settlement) -> str:
    """Return why an entry does not follow the one before it; nothing where it does."""
    expected = before.digest if before else None
    if entry.predecessor != expected:
        return f"entry {entry.number} follows {entry.predecessor}, the one before it is {expected}"
    highest = max(entry.run.sequence, before.highest if before else 0)
    if entry.highest != highest:
        return f"entry {entry.number} has highest {entry.highest}, expected {highest}"
    return ""


def require_link(log: str, before: Settlement | None, entry: Settlement) -> None:
    """Require that an entry follows the one before it.

    Raises:
        ChainBroken: it does not.
    """
    problem = link_problem(before, entry)
    if problem:
        raise ChainBroken(
            f"settlement log {log}",
            expected="entries that follow each other",
            found=problem,
            remedy="Restore the log's folder in the store from a copy, or from exported evidence.",
        )


def evidence_span(settlement: Mapping[str, Any], horizon_runs: int) -> range:
    """Return the numbers of the entries that the evidence of a run holds, the run's own last.

    They reach back to the first entry that was consulted, and over as many as the horizon has, so that
    whoever verifies the run sees that none between was left out.
    """
    number = settlement["number"]
    consulted = [given["number"] for given in settlement["consulted"]]
    first = min([number - horizon_runs, *consulted])
    return range(max(1, first), number + 1)
