"""Records on their way into a Kinesis stream, in an order that no failure can turn round.

Records of one PutRecords request succeed or fail each for itself, and what failed is sent again. So two
records of one key never stand in one request: the second is taken only when the first has been
acknowledged, whatever was sent and lost in between. Records without a key keep no order.

A request is filled from the keys whose turn it is, the longest waiting first, up to what Kinesis takes:
500 records and 5 MiB with their keys. What is held back is bounded, so that a key with many records in
a row leaves room for others, and memory does not grow with what is sent.
"""

from __future__ import annotations

import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from platform_assets.ports.sinks import Outgoing

#: Quotas of PutRecords: docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
REQUEST_RECORDS = 500
REQUEST_BYTES = 5 * 1024**2
RECORD_BYTES = 1024**2
KEY_CHARACTERS = 256
#: How much is held back at most: enough for many full requests of one record of each key.
_HELD_RECORDS = 20_000
_HELD_BYTES = 32 * 1024**2


@dataclass(slots=True)
class Pending:
    """A record that is not acknowledged yet.

    ``doubt`` says why nobody knows whether an earlier try of it was written, empty if all were not.
    """

    number: int
    key: str
    value: bytes
    hash_key: str = ""
    doubt: str = ""

    @property
    def size(self) -> int:
        """What Kinesis counts of it, in bytes."""
        return len(self.value) + len(self.key.encode())


@dataclass(slots=True)
class Outbox:
    """Records by key, in the order in which they came."""

    _of_key: dict[str, deque[Pending]] = field(default_factory=dict)
    _turns: deque[str] = field(default_factory=deque)
    _bytes_of_turns: int = 0
    _records: int = 0
    _bytes: int = 0

    @property
    def is_empty(self) -> bool:
        """Tell whether everything that was added has been settled."""
        return self._records == 0

    @property
    def is_full(self) -> bool:
        """Tell whether as much is held back as may be."""
        return self._records >= _HELD_RECORDS or self._bytes >= _HELD_BYTES

    @property
    def has_request(self) -> bool:
        """Tell whether a full request can be made of what waits for its turn."""
        return len(self._turns) >= REQUEST_RECORDS or self._bytes_of_turns >= REQUEST_BYTES

    def add(self, record: Pending) -> None:
        """Take a record; it waits for every record of its key before it."""
        if record.key not in self._of_key:
            self._of_key[record.key] = deque()
            self._turns.append(record.key)
            self._bytes_of_turns += record.size
        self._of_key[record.key].append(record)
        self._records += 1
        self._bytes += record.size

    def next_request(self) -> list[Pending]:
        """Return the records of the next request: at most one of each key, the first that waits.

        They stay here, and it is not their keys' turn again, until they are settled or put back.
        """
        request: list[Pending] = []
        size = 0
        while self._turns and len(request) < REQUEST_RECORDS:
            record = self._of_key[self._turns[0]][0]
            if size + record.size > REQUEST_BYTES:
                break
            self._turns.popleft()
            request.append(record)
            size += record.size
        self._bytes_of_turns -= size
        return request

    def settle(self, record: Pending) -> None:
        """Let go of a record whose fate is known; it is the turn of the next one of its key."""
        waiting = self._of_key[record.key]
        waiting.popleft()
        self._records -= 1
        self._bytes -= record.size
        if waiting:
            self._turns.append(record.key)
            self._bytes_of_turns += waiting[0].size
        else:
            del self._of_key[record.key]

    def put_back(self, records: Sequence[Pending]) -> None:
        """Give records of a request the first turns again, in the order that they had."""
        self._turns.extendleft(record.key for record in reversed(records))
        self._bytes_of_turns += sum(record.size for record in records)

    def unsettled(self) -> Iterator[Pending]:
        """Return everything that was not settled."""
        for waiting in self._of_key.values():
            yield from waiting


def pending(number: int, record: Outgoing, hash_key: str) -> Pending | str:
    """Return a record as it is to be sent, or why Kinesis cannot take it.

    A record without key gets one of its own, which spreads such records over the shards.
    """
    if record.value is None:
        return "a tombstone, which Kinesis cannot say"
    try:
        key = uuid.uuid4().hex if record.key is None else record.key.decode()
    except UnicodeDecodeError:
        return "a key that is not UTF-8; keys of Kinesis are text"
    if not 0 < len(key) <= KEY_CHARACTERS:
        return f"a key of {len(key)} characters; Kinesis takes 1 to {KEY_CHARACTERS}"
    made = Pending(number, key, record.value, hash_key)
    if made.size > RECORD_BYTES:
        return f"{made.size} bytes with its key; Kinesis takes {RECORD_BYTES}"
    return made
