"""The entries of a ledger: the columns that each ledger has, and what an entry may be.

The order of a ledger is the order in which the platform knew: `ORDER`. It is total, because a window
has one run at a moment, and a run numbers its entries.
"""

from __future__ import annotations

from enum import StrEnum

from platform_assets.contracts.columns import Column, Scalar


class Kind(StrEnum):
    """What an entry does to the fact that it is about."""

    ASSERT = "assert"
    CORRECT = "correct"
    RETRACT = "retract"


class Refused(StrEnum):
    """Why an entry is kept and does not count."""

    MISMATCH = "MISMATCH"  # an entry of the same identity says something else
    UNKNOWN_TARGET = (
        "UNKNOWN_TARGET"  # it corrects or retracts an entry that does not stand before it
    )
    OTHER_SUBJECT = "OTHER_SUBJECT"  # it corrects or retracts an entry of another subject


#: The columns of every ledger.
ENTRY = (
    Column("entry_id", Scalar.STRING),
    Column("subject", Scalar.STRING),
    Column("kind", Scalar.STRING),
    Column("event", Scalar.STRING),
    Column("value", Scalar.JSON, nullable=True),
    Column("effective_at", Scalar.TIMESTAMP),
    Column("observed_at", Scalar.TIMESTAMP),
    Column("window", Scalar.INT64),
    Column("sequence", Scalar.INT64),
    Column("stream", Scalar.STRING, nullable=True),
    Column("partition", Scalar.STRING, nullable=True),
    Column("offset", Scalar.INT64, nullable=True),
    Column("target", Scalar.STRING, nullable=True),
    Column("fact", Scalar.STRING, nullable=True),
    Column("content", Scalar.STRING),
    Column("predecessor", Scalar.STRING, nullable=True),
    Column("digest", Scalar.STRING, nullable=True),
    Column("refused", Scalar.STRING, nullable=True),
)
ORDER = ("observed_at", "window", "sequence")
