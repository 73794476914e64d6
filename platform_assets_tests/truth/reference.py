"""What ADR 0031 says, word by word in plain Python: slow, and nobody's copy.

Entries are dictionaries. Nothing here is taken from `truth`, apart from the names of the columns.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from platform_assets.flow.content_digest import encode_row
from platform_assets.truth.entries import ENTRY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from platform_assets.contracts.columns import Column

Entry = dict[str, Any]

_BY_NAME = {column.name: column for column in ENTRY}


def _columns(names: str) -> list[Column]:
    return [_BY_NAME[name] for name in names.split()]


_SAID = [
    type(_BY_NAME["subject"])("ledger", _BY_NAME["subject"].type),
    *_columns("entry_id subject kind event value effective_at target"),
]
_PLACED = _columns("observed_at window sequence stream partition offset fact content refused")


def content_of(ledger: str, arrived: Entry) -> str:
    return hashlib.sha256(encode_row(_SAID, {"ledger": ledger, **arrived})).hexdigest()


def digest_of(entry: Entry) -> str:
    placed = hashlib.sha256(encode_row(_PLACED, entry)).hexdigest()
    return hashlib.sha256(((entry["predecessor"] or "") + placed).encode()).hexdigest()


class Ledger:
    """Entries in the order in which the platform knew them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.entries: list[Entry] = []
        self.converged = 0

    def enter(self, arrived: Sequence[Entry], observed_at: datetime, window: int) -> list[Entry]:
        """Enter what arrived in one run, and return what was kept of it."""
        came = [{**each, "content": content_of(self.name, each)} for each in arrived]
        kept: list[Entry] = []
        for each in sorted(came, key=_arrival):
            same = [old for old in self.entries if old["entry_id"] == each["entry_id"]]
            if any(old["content"] == each["content"] for old in same):
                self.converged += 1
                continue
            refused, fact = self._judge(each, same)
            before = [
                old["digest"]
                for old in self.entries
                if old["subject"] == each["subject"] and old["refused"] is None
            ]
            entry = {
                **each,
                "observed_at": observed_at,
                "window": window,
                "sequence": len(kept),
                "fact": fact,
                "refused": refused,
                "predecessor": before[-1] if before else None,
            }
            entry["digest"] = digest_of(entry)
            kept.append(entry)
            self.entries.append(entry)
        return kept

    def _judge(self, each: Entry, same: list[Entry]) -> tuple[str | None, str | None]:
        if same:
            return "MISMATCH", None
        if each["kind"] == "assert":
            return None, each["entry_id"]
        for old in self.entries:
            if old["entry_id"] == each["target"] and old["refused"] is None:
                if old["subject"] != each["subject"]:
                    return "OTHER_SUBJECT", None
                return None, old["fact"]
        return "UNKNOWN_TARGET", None


def _arrival(each: Entry) -> tuple[Any, ...]:
    places = (each["stream"], each["partition"], each["offset"])
    known = ((place is None, place) if place is not None else (True, 0) for place in places)
    return (each["kind"] != "assert", *known, each["entry_id"], each["content"])


def answer(
    entries: Sequence[Entry], subject: str, effective: datetime, knowledge: datetime, policy: str
) -> Entry:
    """Return the answer for a subject, from entries in the order of the ledger."""
    facts: dict[str, Entry] = {}
    for entry in entries:
        if entry["observed_at"] <= knowledge and entry["refused"] is None:
            standing = facts.get(entry["fact"])
            if standing is None or standing["kind"] == "assert" or entry["kind"] != "assert":
                facts[entry["fact"]] = entry
    held = [
        entry
        for entry in entries
        if facts.get(entry["fact"]) is entry
        and entry["kind"] != "retract"
        and entry["subject"] == subject
        and entry["effective_at"] <= effective
    ]
    if not held:
        return _answer("NOT_FOUND", None, [])
    latest = max(entry["effective_at"] for entry in held)
    tied = [entry for entry in held if entry["effective_at"] == latest]
    if len({entry["value"] for entry in tied}) > 1 and policy == "refuse":
        return _answer("CONFLICT", None, tied)
    return _answer("FOUND", tied[-1], tied)


def _answer(status: str, picked: Entry | None, tied: list[Entry]) -> Entry:
    names = ("value", "effective_at", "observed_at", "entry_id")
    return {
        "status": status,
        **{name: picked[name] if picked else None for name in names},
        "candidates": [entry["entry_id"] for entry in tied],
    }
