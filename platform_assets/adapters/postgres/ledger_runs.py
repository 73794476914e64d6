"""Runs that an index holds, and answers that it gives."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRun:
    """A closed run of a ledger, as its certified manifest describes it."""

    ledger: str
    run_id: str
    #: Number of the window; a correction is another run of the same window.
    window: int
    #: Digest of the manifest.
    manifest: str
    #: When the run was pinned, an aware instant.
    observed_at: dt.datetime
    #: How many entries it has.
    entries: int
    #: Their content digest, as the manifest has it.
    content: str


class Policy(StrEnum):
    """What is answered where facts with the latest effective time have different values."""

    REFUSE = "refuse"  # CONFLICT, with all of them
    PREFER_SOURCE_ORDER = (
        "prefer_source_order"  # the one that comes last in the order of the ledger
    )


class Status(StrEnum):
    """What an answer is."""

    FOUND = "FOUND"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A fact that holds, with the latest effective time: what its last operation says."""

    entry_id: str
    fact: str
    #: JSON text.
    value: str | None
    effective_at: dt.datetime
    observed_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """What was known of a subject."""

    status: Status
    #: JSON text; null unless the status is FOUND.
    value: str | None
    #: In the order of the ledger; none where nothing was found.
    candidates: tuple[Candidate, ...]
