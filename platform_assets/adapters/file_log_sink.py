"""A stream kept as files, as its producer sees it: records are appended, each as one line.

A record is one line. A value that holds a line feed, or ends with a carriage return, would be read as
other records than it is, and a tombstone cannot be told from an empty record: they are refused. Keys
choose the partition and are not kept, and headers are not kept either, because a line has no place for
them. How lines are appended, and what a killed producer leaves, is said in `file_log_end`.

One producer at a time: a lock file in the topic's folder is held while records are sent. It falls with
the process that holds it.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from platform_assets.adapters.file_log_end import LOCK_FILE, PartitionEnd
from platform_assets.adapters.file_log_segments import list_partitions, reaching
from platform_assets.adapters.local_folders import sync_folder
from platform_assets.adapters.sending import Account
from platform_assets.errors import SourceChanged, SourceUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from platform_assets.ports.sinks import Outgoing, SendReport

#: A segment that has reached this size is followed by another one.
SEGMENT_BYTES = 256 * 1024**2


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

    def send(self, records: Iterable[Outgoing]) -> SendReport:
        """Append records, in order within each partition, and sync them.

        A record without partition goes where its key says, and without key to all in turn.

        Raises:
            SourceUnreachable: the log cannot be written, or another producer is at it; nothing was
                written.
            SourceChanged: the folder is no log, or has no such partition.
        """
        account = Account()
        with _only_producer(self._topic), reaching(self._topic):
            names = self.partitions()
            if not names:
                raise self._no_partition("any", names)
            partitions = {
                name: PartitionEnd(self._topic, name, self._segment_bytes) for name in names
            }
            try:
                for number, record in enumerate(records):
                    name = _choose(record, names, number)
                    problem = _unfit(record.value)
                    if name not in partitions:
                        account.stop(number, self._no_partition(name, names))
                    elif record.value is None or problem:
                        account.refuse(number, problem)
                    else:
                        partitions[name].add(number, record.value)
                    for partition in partitions.values():
                        if partition.is_due():
                            partition.write(account)
                    if account.stopped:
                        break
                for partition in partitions.values():
                    partition.write(account)
            finally:
                for partition in partitions.values():
                    partition.close()
        return account.report()

    def _no_partition(self, name: str, names: list[str]) -> SourceChanged:
        return SourceChanged(
            f"file log {self._topic.name}",
            expected=f"one of the partitions {', '.join(names)}" if names else "partitions",
            found=f"a record for {name}",
            remedy="Send to a partition that there is, or make its folder first.",
        )


@contextmanager
def _only_producer(topic: Path) -> Iterator[None]:
    with reaching(topic):
        lock = os.open(topic / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise SourceUnreachable(
                f"file log {topic.name}",
                expected="no other producer; a file log takes one at a time",
                found=f"one that holds {LOCK_FILE}",
                remedy="Wait until it has ended, then send again. Delete nothing.",
            ) from None
    try:
        yield
    finally:
        os.close(lock)


def _choose(record: Outgoing, names: list[str], number: int) -> str:
    if record.partition is not None:
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
