"""Sending records to the declared streams of a feed, with a ledger of what became of each.

Every stream is sent to by a thread of its own. A record is acknowledged, ambiguous or refused, as its
sink says; the ledger counts them, names the place of each that was not acknowledged, and holds the
digest of what was. An interruption ends the supply, and what was taken by then is accounted for.

Records leave when they are due: by a schedule of their stream, at a rate, or as fast as the sink takes
them (`pacing`). An observer is told of each record when it leaves and when it is acknowledged.

Partitions are named by number, from 0: number n is the n-th of those that the stream has. So the same
records come to the same partitions on every kind of stream, whatever it calls them.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Protocol

from platform_assets.errors import PlatformError, SourceChanged, UnknownThing
from platform_assets.pipeline.ledger import Ledger, StreamLedger
from platform_assets.pipeline.pacing import AtRate, Pace
from platform_assets.pipeline.sent_values import SentValues
from platform_assets.pipeline.taken import Taken
from platform_assets.ports.sinks import SendReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from concurrent.futures import Future

    from platform_assets.adapters.record_files import Supply
    from platform_assets.declarations import FeedDeclaration
    from platform_assets.pipeline.pacing import Schedule
    from platform_assets.pipeline.platform import Platform
    from platform_assets.ports.clock import Clock
    from platform_assets.ports.sinks import StreamSink

_LOOK_SECONDS = 0.2


class Observer(Protocol):
    """Is told of each record of a stream by the thread that sends it, which waits meanwhile.

    Records are numbered from 0, by stream.
    """

    def sent(self, stream: str, number: int) -> None:
        """A record leaves: the sink has it next."""
        ...

    def acknowledged(self, stream: str, number: int) -> None:
        """A record is acknowledged. One that is ambiguous or refused never is."""
        ...


def produce(
    platform: Platform,
    feed: str,
    supplies: Mapping[str, Supply],
    *,
    rate: float | None = None,
    schedules: Mapping[str, Schedule] | None = None,
    told: Callable[[str, int], None] | None = None,
    observer: Observer | None = None,
) -> Ledger:
    """Send what is supplied for streams of a feed, and return what became of it.

    Args:
        platform: the opened home.
        feed: the feed's name.
        supplies: stream -> what to send there.
        rate: at most so many records a second, over all streams.
        schedules: stream -> when its records are due, for each that is supplied; instead of a rate.
        told: is called with a stream and how many of its records were taken since.
        observer: is told of each record when it leaves and when it is acknowledged.

    Raises:
        UnknownThing: the feed declares no such stream.
        CredentialMissing: it could not even be tried.
        RuntimeError: there are schedules and a rate, or not a schedule for each stream.
    """
    declaration = platform.feed(feed)
    for stream in supplies:
        require_declared(declaration, stream)
    stop = threading.Event()
    schedules = _schedules(platform.clock, supplies, rate, schedules)
    with platform.scratch() as scratch, ThreadPoolExecutor(max(len(supplies), 1)) as pool:
        futures = {}
        for stream, supply in supplies.items():
            taken = Taken(
                chunks=iter(supply.chunks),
                values=SentValues(scratch / f"{stream}.hashes"),
                pace=Pace(platform.clock, stop, schedules.get(stream)),
                told=partial(told, stream) if told else _tell_nobody,
                leaving=partial(observer.sent, stream) if observer else None,
                named=supply.partitions,
            )
            acknowledged = partial(observer.acknowledged, stream) if observer else None
            futures[stream] = pool.submit(_send, platform, declaration, stream, taken, acknowledged)
        interrupted = _until_done(futures.values(), stop)
        ledgers = {stream: future.result() for stream, future in futures.items()}
    return Ledger(feed, ledgers, interrupted)


def create_streams(platform: Platform, feed: str, partitions: Mapping[str, int]) -> None:
    """Make streams of a feed, each with so many partitions; those that are there stay as they are.

    Raises:
        UnknownThing: the feed declares no such stream.
        SourceUnreachable: a stream could not be made.
    """
    declaration = platform.feed(feed)
    for stream, count in partitions.items():
        require_declared(declaration, stream)
        with closing(platform.sink(declaration, stream)) as sink:
            sink.create(count)


def require_declared(declaration: FeedDeclaration, stream: str) -> None:
    """Require that a feed declares a stream.

    Raises:
        UnknownThing: it does not.
    """
    if stream not in declaration.streams:
        raise UnknownThing(
            f"stream {stream} of feed {declaration.feed}",
            expected=f"one of {', '.join(declaration.streams)}",
            found=repr(stream),
            remedy="Use the name of the stream as declared: platform-assets feeds",
        )


def _send(
    platform: Platform,
    declaration: FeedDeclaration,
    stream: str,
    taken: Taken,
    acknowledged: Callable[[int], None] | None,
) -> StreamLedger:
    with closing(platform.sink(declaration, stream)) as sink:
        try:
            taken.renamed = _renamed(taken.named, _partitions(sink), stream)
            partitions = tuple(taken.renamed.values()) or None
            report = sink.send(taken, partitions=partitions, acknowledged=acknowledged)
        except PlatformError as error:  # nothing was sent
            report, taken.error = SendReport(), error
            taken.complete = False
    troubles = [trouble.number for trouble in (*report.ambiguous, *report.refused)]
    accounted = report.total + len(troubles)
    if accounted != taken.values.count and taken.error is None:
        raise RuntimeError(
            f"the sink of {stream} took {taken.values.count} records and accounts for {accounted}"
        )
    return StreamLedger(
        stream=stream,
        kind=sink.kind,
        topic=declaration.streams[stream].topic or stream,
        taken=accounted,
        complete=taken.complete,
        report=report,
        digest=taken.values.digest(troubles if accounted else range(taken.values.count)),
        places=taken.places,
        error=taken.error,
    )


def _partitions(sink: StreamSink) -> list[str]:
    """Return the partitions that a stream has.

    Raises:
        SourceChanged: there is no such stream.
        SourceUnreachable: it did not answer.
    """
    try:
        return sink.partitions()
    except SourceChanged as error:
        raise SourceChanged(
            error.thing,
            expected=error.expected,
            found=error.findings or error.found,
            remedy=f"Where it shall be made, add --create. {error.remedy}",
        ) from error


def _renamed(named: tuple[str, ...], there: list[str], stream: str) -> dict[str, str]:
    """Return what the stream calls the partitions that are named by number.

    Raises:
        SourceChanged: it does not have that many.
    """
    known = {name: name for name in there} | {str(n): name for n, name in enumerate(there)}
    missing = [name for name in named if name not in known]
    if missing:
        raise SourceChanged(
            f"stream {stream}",
            expected=f"partitions {', '.join(named)}",
            found=f"{len(there)} of them, {', '.join(there[:8])}; none for {', '.join(missing)}",
            remedy="Give the stream more partitions, or let a key choose among those that it has.",
        )
    return {name: known[name] for name in named}


def _schedules(
    clock: Clock,
    supplies: Mapping[str, Supply],
    rate: float | None,
    schedules: Mapping[str, Schedule] | None,
) -> Mapping[str, Schedule]:
    """Return when records are due; a rate is shared out by how much there is, where that is known."""
    if schedules is not None:
        if rate is not None or supplies.keys() - schedules.keys():
            raise RuntimeError(
                f"{', '.join(supplies)} are sent by a schedule each, or at a rate together; "
                f"found schedules for {', '.join(schedules)} and a rate of {rate}"
            )
        return schedules
    if rate is None:
        return {}
    totals = {stream: supply.total or 1 for stream, supply in supplies.items()}
    every = sum(totals.values())
    return {stream: AtRate(clock, rate * total / every) for stream, total in totals.items()}


def _until_done(futures: Iterable[Future[StreamLedger]], stop: threading.Event) -> bool:
    """Wait for all; an interruption ends the supplies, and what is under way is still awaited."""
    pending = set(futures)
    try:
        while pending:  # a signal that another thread received is seen between two looks
            _, pending = wait(pending, _LOOK_SECONDS)
    except KeyboardInterrupt:
        stop.set()
        wait(pending)
        return True
    return False


def _tell_nobody(count: int) -> None:
    del count
