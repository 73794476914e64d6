"""The chain of each subject: what an entry says, what the platform says of it, what stood before it.

1. `content` is the SHA-256 of the encoding (rules 1 to 3 of `flow.content_digest`) of the ledger's name
   and of the columns `SAID`: all that a sender says, and nothing of where or when it came. What is said
   again has the same content.
2. `digest` is the SHA-256 of `predecessor`, if there is one, and of the SHA-256 of the encoding of the
   columns `PLACED`, each in hex: content, knowledge, place and judgement. So each column of an entry is
   held by its own digest.
3. `predecessor` is the digest of the last entry of the same subject before it, in the order of the
   ledger, that is not refused. A refused entry has a digest and is nobody's predecessor.

Whoever changes, inserts or removes an entry breaks its own digest or the predecessor of the next one,
unless all that follow in the subject are written anew. That the last entries of a subject are missing,
or that a chain was written anew, no chain can tell: the manifests of the runs do.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import polars as pl
import polars_hash as plh

from platform_assets.adapters.row_encoding import BATCH_ROWS, encode_rows
from platform_assets.contracts.columns import Column, Scalar
from platform_assets.truth.entries import ENTRY, ORDER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: What the sender says in an entry.
SAID = ("entry_id", "subject", "kind", "event", "value", "effective_at", "target")
#: What the platform says of it, and what it says.
PLACED = (*ORDER, "stream", "partition", "offset", "fact", "content", "refused")

_LEDGER = Column("ledger", Scalar.STRING)


def contents(entries: pl.DataFrame, ledger: str) -> pl.Series:
    """Return the content of each entry: rule 1.

    Raises:
        TypeError: the frame has not the columns `SAID` of entries.
    """
    named = entries.with_columns(pl.lit(ledger, dtype=pl.String).alias(_LEDGER.name))
    return _hashed(named, (_LEDGER, *_columns(SAID))).alias("content")


def chained(entries: pl.DataFrame, heads: Mapping[str, str]) -> pl.DataFrame:
    """Return entries with `predecessor` and `digest`: rules 2 and 3.

    Args:
        entries: in the order of the ledger, with the columns `PLACED` and `subject`.
        heads: for a subject, the digest of its last entry before these that is not refused.
    """
    last = dict(heads)
    predecessors: list[str | None] = []
    digests: list[str] = []
    placed = _hashed(entries, _columns(PLACED))
    refused = entries["refused"].is_not_null()
    for subject, said, idle in zip(entries["subject"], placed, refused, strict=True):
        predecessor = last.get(subject)
        digest = sha256(f"{predecessor or ''}{said}".encode("ascii")).hexdigest()
        predecessors.append(predecessor)
        digests.append(digest)
        if not idle:
            last[subject] = digest
    return entries.with_columns(
        pl.Series("predecessor", predecessors, dtype=pl.String),
        pl.Series("digest", digests, dtype=pl.String),
    )


def broken_chains(entries: pl.DataFrame, ledger: str) -> pl.DataFrame:
    """Return the entries that do not hold, in the order of the ledger, none where all do.

    Args:
        entries: all entries of a ledger, or all of some of its subjects, as they were entered. Where a
            run was superseded, those of the windows after it stand on entries of the old run.
        ledger: its name.

    Returns:
        ``entry_id``, ``subject``, the columns of `ORDER` and ``broken``: which of ``content``,
        ``predecessor`` and ``digest`` are not what they have to be.

    Raises:
        TypeError: the frame has not the columns of entries.
    """
    ordered = entries.sort(ORDER)
    counted = pl.when(pl.col("refused").is_null()).then("digest")
    head = counted.forward_fill().shift(1).over("subject")
    own = _hashed(ordered, _columns(PLACED))
    linked = plh.concat_str([pl.col("predecessor").fill_null(""), own])
    found = ordered.with_columns(
        content_holds=pl.col("content").eq_missing(contents(ordered, ledger)),
        predecessor_holds=pl.col("predecessor").eq_missing(head),
        digest_holds=pl.col("digest").eq_missing(linked.chash.sha2_256()),
    )
    broken = pl.concat_list(
        pl.when(~pl.col(f"{name}_holds")).then(pl.lit(name))
        for name in ("content", "predecessor", "digest")
    ).list.drop_nulls()
    return found.select("entry_id", "subject", *ORDER, broken=broken).filter(
        pl.col("broken").list.len() > 0
    )


def _columns(names: Sequence[str]) -> list[Column]:
    by_name = {column.name: column for column in ENTRY}
    return [by_name[name] for name in names]


def _hashed(frame: pl.DataFrame, columns: Sequence[Column]) -> pl.Series:
    """Return the SHA-256 of each row's encoding in hex."""
    hashes = [pl.Series(dtype=pl.String)]
    for rows in frame.iter_slices(BATCH_ROWS):
        encoded = encode_rows(rows, columns).to_frame()
        hashes.append(encoded.select(plh.col("row").chash.sha2_256()).to_series())
    return pl.concat(hashes)
