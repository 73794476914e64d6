"""A stream kept as files, as its producer sees it: records are appended, each as one line.

A record is one line. A value that holds a line feed, or ends with a carriage return, would be read as
other records than it is, and a tombstone cannot be told from an empty record: they are refused. Keys
choose the partition and are not kept, and headers are not kept either, because a line has no place for
them. How lines are appended, and what a killed producer leaves, is said in `file_log_end`.

One producer at a time for each partition. A lock is held on the file `.producer.lock` while records are
sent, and falls with the process that holds it:

- a producer of any partition holds the one in the topic's folder alone;
- one that names its partitions shares that one with others that do, and holds those in the folders of
  its partitions alone. It touches no other partition, and cuts off no torn line there.
"""

from __future__ import annotations

import fcntl
import os
import time
import zlib
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

from platform_assets.adapters.file_log_end import LOCK_FILE, PartitionEnd
from platform_assets.adapters.file_log_segments import list_partitions, reaching
from platform_assets.adapters.local_folders import sync_folder
from platform_assets.adapters.sending import Account
from platform_assets.errors import SourceChanged, SourceUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from platform_assets.ports.sinks import Outgoing, SendReport

#: A segment that has reached this size is followed by another one.
SEGMENT_BYTES = 256 * 1024**2
#: How often partitions are looked at whose records may have waited long enough.
_LOOK_SECONDS = 0.005


class FileLogSink:
    """One topic of a file log. Implements `platform_assets.ports.sinks.StreamSink`."""

    kind = "file_log"

    def __init__(self, root: Path, topic: str, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._topic = root / topic
        self._segment_bytes = segment_bytes

    def create(self, partitions: int) -> None:
        """Make the topic's folder and those of its partitions; what there is stays as it is."""
        with reaching(self._topic):
            for number in range(partitions):
                folder = self._topic / str(number)
                folder.mkdir(parents=True, exist_ok=True)
                sync_folder(folder.parent)
            sync_folder(self._topic.parent)

    def close(self) -> None:
        """Do nothing; files are open only while records are sent."""

    def partitions(self) -> list[str]:
        """Return the partitions in numeric order.

        Raises:
            SourceUnreachable, SourceChanged: there is no such log.
        """
        return list_partitions(self._topic)

    def send(
        self,
        records: Iterable[Outgoing | None],
        *,
        partitions: Collection[str] | None = None,
        acknowledged: Callable[[int], None] | None = None,
    ) -> SendReport:
        """Append records, in order within each partition, and sync them.

        A record without partition goes where its key says, and without key to all in turn.
        For `partitions` and `acknowledged` see `platform_assets.ports.sinks.StreamSink.send`.

        Raises:
            SourceUnreachable: the log cannot be written, or another producer is at one of the
                partitions; nothing was written.
            SourceChanged: the folder is no log, or has no such partition.
        """
        account = Account(acknowledged)
        with self._alone(partitions) as names, ExitStack() as opened:
            ends = {name: PartitionEnd(self._topic, name, self._segment_bytes) for name in names}
            for end in ends.values():
                opened.enter_context(closing(end))
            self._append(records, ends, account, names if partitions is None else [])
        return account.report()

    @contextmanager
    def _alone(self, partitions: Collection[str] | None) -> Iterator[list[str]]:
        """Hold the locks of some partitions, or of all, and return which those are.

        Raises:
            SourceUnreachable: another producer holds one of them, or the log cannot be read.
            SourceChanged: there is none of them.
        """
        with ExitStack() as held, reaching(self._topic):
            held.enter_context(_locked(self._topic, shared=partitions is not None))
            names = self.partitions()
            if partitions is not None:
                names = [name for name in names if name in partitions]
                for name in names:
                    held.enter_context(_locked(self._topic, name))
            if not names:
                raise self._no_partition("any", names)
            yield names

    def _append(
        self,
        records: Iterable[Outgoing | None],
        ends: Mapping[str, PartitionEnd],
        account: Account,
        by_key: Sequence[str],
    ) -> None:
        """Append each record to the end that it names, or to one of those that keys choose from."""
        number, look = 0, 0.0
        for record in records:
            if record is not None:
                self._take(number, record, _choose(record, by_key, number), ends, account)
                number += 1
            now = time.monotonic()
            if now >= look:  # not at every record: there may be many partitions
                look = now + _LOOK_SECONDS
                for end in ends.values():
                    if end.is_due(now):
                        end.write(account)
            if account.stopped:
                break
        for end in ends.values():
            end.write(account)

    def _take(
        self,
        number: int,
        record: Outgoing,
        name: str | None,
        ends: Mapping[str, PartitionEnd],
        account: Account,
    ) -> None:
        problem = _unfit(record.value)
        end = None if name is None else ends.get(name)
        if end is None:
            account.stop(number, self._no_partition(name, ends))
        elif record.value is None or problem:
            account.refuse(number, problem)
        else:
            end.add(number, record.value)
            if end.is_full():
                end.write(account)

    def _no_partition(self, name: str | None, names: Collection[str]) -> SourceChanged:
        return SourceChanged(
            f"file log {self._topic.name}",
            expected=f"one of the partitions {', '.join(names)}" if names else "partitions",
            found=f"a record for {name or 'none'}",
            remedy="Send to one of these. Another one has to be there, and named, before records are.",
        )


@contextmanager
def _locked(topic: Path, partition: str = "", *, shared: bool = False) -> Iterator[None]:
    """Hold the lock of a topic, or of a partition.

    Raises:
        SourceUnreachable: another producer holds it, or there is no such folder.
    """
    with reaching(topic):
        lock = os.open(topic / partition / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise SourceUnreachable(
                f"file log {topic.name}" + (f"/{partition}" if partition else ""),
                expected="no other producer; a partition of a file log takes one at a time",
                found=f"one that holds {LOCK_FILE}",
                remedy="Wait until it has ended, or name partitions that no other producer names, "
                "then send again. Delete nothing.",
            ) from None
    try:
        yield
    finally:
        os.close(lock)


def _choose(record: Outgoing, names: Sequence[str], number: int) -> str | None:
    """Return the partition that a record names, or one of these; None where there are none."""
    if record.partition is not None or not names:
        return record.partition
    turn = number if record.key is None else zlib.crc32(record.key)
    return names[turn % len(names)]


def _unfit(value: bytes | None) -> str:
    """Return why a value cannot be a line, or nothing."""
    if value is None:
        return "a tombstone, which a line cannot say"
    if b"\n" in value:
        return "a value with a line feed, which would be read as several records"
    if value.endswith(b"\r"):
        return (
            "a value that ends with a carriage return, which would be read as the end of its line"
        )
    return ""
