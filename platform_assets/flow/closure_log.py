"""The append-only log of closures: ``log/<index, 10 digits>.json``, each naming the one before.

A sealed run is in the log exactly once. An entry is created at the first free index, so of two
appenders one gets it; the other reads what it lost to, and goes on only if that is another run. A copy
of the entry beside the run's seal says where it stands, so that whoever looks later need not search.

The seal, not the log, closes a run: a crash between the two is mended by whoever looks next, with the
same procedure. Indices have no holes, because an entry is created only after the one before was read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import canonical_bytes, digest_bytes, parse_canonical
from platform_assets.errors import RecordNotCanonical
from platform_assets.flow.steps import UNCLEAR, Unclear, look, settle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.flow.steps import Steps


@dataclass(frozen=True, slots=True)
class Closed:
    """A sealed run, as the log names it; ``closure_folder`` is where its seal stands."""

    run_id: str
    config_digest: str
    bundle_digest: str
    closure_folder: str

    @property
    def copy_path(self) -> str:
        """The path of the run's own copy of its log entry."""
        return f"{self.closure_folder}/log.json"

    def entry(self, index: int, before: bytes | None) -> bytes:
        """Return the canonical bytes of the run's entry after the entry ``before``."""
        return canonical_bytes(
            {
                "record": "closure_log",
                "version": 1,
                "run_id": self.run_id,
                "config_digest": self.config_digest,
                "index": index,
                "bundle_digest": self.bundle_digest,
                "predecessor": None if before is None else digest_bytes(before),
            }
        )


@dataclass(frozen=True, slots=True)
class Logged:
    """The run stands in the log at this index, as these bytes."""

    index: int
    entry: bytes


def log_path(index: int) -> str:
    """Return the path of an entry; the first index is 1."""
    return f"log/{index:010d}.json"


def log_length() -> Steps[int | Unclear]:
    """Return the number of entries, found by doubling and halving."""
    low, high = 0, 1
    while True:
        found = yield from look(log_path(high))
        if isinstance(found, Unclear):
            return UNCLEAR
        if found is None:
            break
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        found = yield from look(log_path(middle))
        if isinstance(found, Unclear):
            return UNCLEAR
        low, high = (low, middle) if found is None else (middle, high)
    return low


def append(closed: Closed, *, after: int = 0) -> Steps[Logged | Unclear]:
    """Bring a sealed run into the log, once, whoever calls and however often.

    1. The run's own copy says that it is there. 2. Else look through the entries that may hold it:
    those behind ``after``, the log's length before the run was sealed, if the caller knows it. 3. Else
    append at the first free index. 4. Leave the copy.
    """
    copy = yield from look(closed.copy_path)  # 1
    if isinstance(copy, Unclear):
        return UNCLEAR
    if copy is not None:
        return Logged(_fields(copy).get("index", 0), copy)
    logged = yield from _find(closed, after)  # 2
    if isinstance(logged, int):
        logged = yield from _append_at(closed, logged)  # 3
    if isinstance(logged, Unclear):
        return UNCLEAR
    standing = yield from settle(closed.copy_path, logged.entry)  # 4
    return UNCLEAR if isinstance(standing, Unclear) else logged


def log_problems(entries: Sequence[bytes]) -> list[str]:
    """Return what is wrong with the log, given all its entries in order; none if it is sound."""
    problems = []
    seen: dict[str, int] = {}
    for index, data in enumerate(entries, start=1):
        entry = _fields(data)
        run_id = str(entry.get("run_id"))
        before = digest_bytes(entries[index - 2]) if index > 1 else None
        if entry.get("index") != index:
            problems.append(f"entry {index} is not canonical or says index {entry.get('index')}")
        if entry.get("predecessor") != before:
            problems.append(f"entry {index} names another predecessor than {before}")
        if run_id in seen:
            problems.append(f"entry {index} repeats {run_id} of entry {seen[run_id]}")
        seen.setdefault(run_id, index)
    return problems


def _find(closed: Closed, after: int) -> Steps[Logged | int | Unclear]:
    """Return the run's entry, or the log's length where it has none."""
    length = yield from log_length()
    if isinstance(length, Unclear):
        return UNCLEAR
    for index in range(length, after, -1):
        entry = yield from look(log_path(index))
        if entry is None or isinstance(entry, Unclear):
            return UNCLEAR
        if _fields(entry).get("run_id") == closed.run_id:
            return Logged(index, entry)
    return length


def _append_at(closed: Closed, length: int) -> Steps[Logged | Unclear]:
    last = (yield from look(log_path(length))) if length else None
    if isinstance(last, Unclear) or (length and last is None):
        return UNCLEAR
    before = last
    while True:
        length += 1
        mine = closed.entry(length, before)
        standing = yield from settle(log_path(length), mine)
        if isinstance(standing, Unclear):
            return UNCLEAR
        if standing == mine:  # by whoever: a run's entry at an index has one form
            return Logged(length, mine)
        before = standing


def _fields(data: bytes) -> dict[str, Any]:
    try:
        value = parse_canonical(data, "log entry")
    except RecordNotCanonical:
        return {}
    return value if isinstance(value, dict) else {}
