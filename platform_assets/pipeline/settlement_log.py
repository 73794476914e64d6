"""The settlement log of a stream in the store: read to its end, and appended to by one at a time.

1. Entries are read from the end backwards, as far as they can matter, and then whatever came since.
2. A receipt stands under its digest before an entry names it. So an entry, once there, is enough: what
   its run admitted can be read, whoever died meanwhile.
3. Among several that create the same number one succeeds. Who lost reads what the winner wrote, takes
   it into account and tries the next number; every lost race means that another run was settled.
4. Where an entry stands and its run's receipt is not at its own path yet, whoever meets that puts it
   there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.canonical import canonical_bytes, digest, digest_bytes
from platform_assets.contracts.records import check_record
from platform_assets.errors import (
    AdmissionInconsistent,
    AlreadyExists,
    ChainBroken,
    ObjectMissing,
    RecordMissing,
    UnknownOutcome,
)
from platform_assets.flow.places import place_of
from platform_assets.flow.settlements import (
    Settlement,
    log_name,
    require_link,
    settlement_record,
)
from platform_assets.pipeline import layout
from platform_assets.pipeline.records import parse_record, read_record, write_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.identifiers import RunId
    from platform_assets.ports.store import Store

_AT_ONCE = 64


class SettlementLog:
    """The entries of a log that can matter to a run, as far as they were read."""

    def __init__(self, store: Store, feed: str, stream: str, *, since: int) -> None:
        """Begin; entries of runs before the sequence ``since`` matter to nobody here."""
        self._store, self._feed, self._stream = store, feed, stream
        self._since = since
        self.name = log_name(feed, stream)
        self.entries: list[Settlement] = []

    @property
    def last(self) -> Settlement | None:
        """The newest entry that was read."""
        return self.entries[-1] if self.entries else None

    @property
    def following(self) -> int:
        """The number after the newest entry that was read."""
        return self.last.number + 1 if self.last else 1

    def read(self) -> None:
        """Read what has come since.

        Raises:
            ChainBroken: an entry is missing, or does not follow the one before it.
        """
        end = self._length()
        known = self.last.number if self.last else 0
        found: list[Settlement] = []
        while end > known and not self._enough(found):
            begin = max(known, end - _AT_ONCE)
            found = [*self._between(begin + 1, end), *found]
            end = begin
        before = self.last
        for entry in found:
            if before is not None or entry.number == 1:
                require_link(self.name, before, entry)
            before = entry
        self.entries += found

    def entry_of(self, run: RunId) -> Settlement | None:
        """Return the entry of a run, None where it is not settled yet."""
        return next((entry for entry in self.entries if entry.run == run), None)

    def append(self, receipt: Mapping[str, Any]) -> Settlement:
        """Store a receipt under its digest and try to settle it as the next one.

        Returns:
            What stands behind the entries that were read: the new entry, or that of another run, or of
            another attempt of the same run.

        Raises:
            UnknownOutcome: the store does not say what stands there.
        """
        check_record(receipt, self.name)
        data = canonical_bytes(receipt)
        receipt_digest = digest_bytes(data)
        record = settlement_record(receipt, receipt_digest, self.last)
        entry = Settlement.of(check_record(record, self.name))
        path = layout.settled_receipt_path(entry.run, self._stream, receipt_digest)
        write_bytes(self._store, path, data)
        path = layout.settlement_path(self._feed, self._stream, entry.number)
        try:
            self._store.create(path, canonical_bytes(record))
        except (AlreadyExists, UnknownOutcome) as error:
            try:
                entry = self._entry(entry.number, self._store.read(path))
            except ObjectMissing:
                raise error from None
        require_link(self.name, self.last, entry)
        self.entries.append(entry)
        return entry

    def _length(self) -> int:
        folder = layout.settlement_log(self._feed, self._stream)
        places = [place_of(path) for path in self._store.list(folder)]
        # a listing may miss what was created while it lasted; what is missing shows when it is read
        return max((at.number for at in places if at is not None), default=0)

    def _enough(self, found: list[Settlement]) -> bool:
        """Tell whether entries before these cannot matter: all of runs before the first that does."""
        return bool(found) and not self.entries and found[0].highest < self._since

    def _between(self, first: int, last: int) -> list[Settlement]:
        paths = {
            number: layout.settlement_path(self._feed, self._stream, number)
            for number in range(first, last + 1)
        }
        read = self._store.read_all(paths.values())
        missing = [path for path in paths.values() if path not in read]
        if missing:
            raise self._broken(f"{missing[0]} not there, and a later one is")
        return [self._entry(number, read[path]) for number, path in paths.items()]

    def _entry(self, number: int, data: bytes) -> Settlement:
        path = layout.settlement_path(self._feed, self._stream, number)
        record = parse_record(data, path, "settlement")
        if (record["log"], record["number"]) != (self.name, number):
            raise self._broken(f"{path} says entry {record['number']} of {record['log']}")
        return Settlement.of(record)

    def _broken(self, found: str) -> ChainBroken:
        return ChainBroken(
            f"settlement log {self.name}",
            expected="entries numbered from 1 without a hole",
            found=found,
            remedy="Restore the log's folder in the store from a copy, or from exported evidence.",
        )


def settled_receipt(store: Store, stream: str, entry: Settlement) -> dict[str, Any]:
    """Return the receipt that an entry names; where its path is empty, it is put there.

    Raises:
        AdmissionInconsistent: another receipt stands there.
    """
    path = layout.admission_receipt_path(entry.run, stream)
    try:
        receipt = read_record(store, path, "admission")
    except RecordMissing:
        data = store.read(layout.settled_receipt_path(entry.run, stream, entry.admission_digest))
        receipt = parse_record(data, path, "admission")
        if digest_bytes(data) == entry.admission_digest:
            write_bytes(store, path, data)
    if digest(receipt) != entry.admission_digest:
        raise AdmissionInconsistent(
            f"admission of {stream} in {entry.run}",
            expected=f"the receipt that was settled, {entry.admission_digest}",
            found=f"another one, {digest(receipt)}",
            remedy="The receipt was changed from outside. Restore the file.",
        )
    return receipt
