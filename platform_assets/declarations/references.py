"""What the names within a feed refer to.

Every stream is read once, from a place that its source knows, and nothing is announced into a stream
that the feed reads. Every event becomes a product and every product is made of an event. A consumer,
and a check, refer only to what is declared before them, so that there is an order in which to make
everything. Rows of a strict product stand in no other product in the clear. What is compacted by day
has a time, and is not strict. What names nothing, or two things, is a mistake at the place where it
stands; all of them are reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from platform_assets.declarations.checks import ReferentialCheck, check_name_of
from platform_assets.declarations.starts import start_problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from platform_assets.declarations.feed import FeedDeclaration
    from platform_assets.declarations.sources import SourceDeclaration

    Problem = tuple[tuple[str | int, ...], str]


def check_references(feed: FeedDeclaration) -> None:
    """Hold a feed against itself.

    Raises:
        ValidationError: names refer to nothing, or are given twice; every mistake with its location.
    """
    problems = [
        *_streams(feed),
        *_events(feed),
        *_consumers(feed),
        *_checks(feed),
        *_strictness(feed),
        *_compaction(feed),
    ]
    if problems:
        raise ValidationError.from_exception_data(
            "feed",
            [
                InitErrorDetails(
                    type=PydanticCustomError("reference", "{text}", {"text": text}),
                    loc=at,
                    input=text,
                )
                for at, text in problems
            ],
        )


def _compaction(feed: FeedDeclaration) -> Iterator[Problem]:
    events = {
        name: event for stream in feed.streams.values() for name, event in stream.events.items()
    }
    for name, product in feed.products.items():
        event = events.get(product.event)
        at = ("products", name, "compaction")
        if product.compaction and event is not None and event.time is None:
            yield at, f"compaction by day needs the time of {product.event}; declare its `time`"
        if product.compaction and product.strict:
            yield at, "a strict product is not compacted; leave out one of the two"


def _streams(feed: FeedDeclaration) -> Iterator[Problem]:
    logs: dict[tuple[str, str, str], str] = {}
    for name, stream in feed.streams.items():
        source = stream.source or feed.source
        if source is None:
            yield ("streams", name), "has no source, and the feed declares none"
            continue
        for at, text in start_problems(source.kind, stream.start):
            yield ("streams", name, "start", *at), text
        keys = _logs(source, stream.topic or name)
        other = next((logs[key] for key in keys if key in logs), None)
        if other is not None:
            yield ("streams", name), f"reads the same topic of the same source as stream {other}"
        logs.update(dict.fromkeys(keys, name))
    if feed.announce is not None:
        for key in _logs(feed.announce.source, feed.announce.topic):
            if key in logs:
                yield ("announce",), f"is what stream {logs[key]} reads; announce to another topic"
                return


def _logs(source: SourceDeclaration, topic: str) -> list[tuple[str, str, str]]:
    """Return what a topic of a source is known by: one entry for each address of it."""
    return [(source.kind, place, topic) for place in sorted(source.places())]


def _events(feed: FeedDeclaration) -> Iterator[Problem]:
    made = {product.event for product in feed.products.values()}
    carried: dict[str, str] = {}
    for stream, declared in feed.streams.items():
        told: dict[tuple[tuple[str, object], ...], str] = {}
        for event, rule in declared.events.items():
            at = ("streams", stream, "events", event)
            if event in carried:
                yield at, f"is declared in stream {carried[event]} too; an event has one stream"
            elif event not in made:
                yield at, f"becomes no product; declare one with event: {event}"
            carried.setdefault(event, stream)
            other = told.setdefault(tuple(sorted(rule.when.items())), event)
            if other != event and rule.when:
                yield (*at, "when"), f"is that of {other}, so that nothing tells the two apart"
    for name, product in feed.products.items():
        if product.event not in carried:
            text = f"{product.event!r} is an event that no stream carries{_one_of(carried)}"
            yield ("products", name, "event"), text


def _consumers(feed: FeedDeclaration) -> Iterator[Problem]:
    known = list(feed.products)
    for name, consumer in feed.consumers.items():
        if name in feed.products:
            yield (
                ("consumers", name),
                "is the name of a product; both would be written to one place",
            )
        read: set[str] = set()
        for index, given in enumerate(consumer.reads):
            at = ("consumers", name, "reads", index, "product")
            if given.product not in known:
                yield at, _unknown(feed, given.product, known)
            elif given.product in read:
                yield at, f"{given.product!r} is read twice; name it once, with its history_runs"
            read.add(given.product)
        known.append(name)


def _checks(feed: FeedDeclaration) -> Iterator[Problem]:
    known: list[str] = []
    for kind, outputs in (("products", feed.products), ("consumers", feed.consumers)):
        for name, output in outputs.items():
            names: set[str] = set()
            for index, check in enumerate(output.checks):
                at = (kind, name, "checks", index)
                own = check_name_of(check)
                if own in names:
                    yield at, f"is the second check called {own}; give one of them a name"
                names.add(own)
                if isinstance(check, ReferentialCheck) and check.product not in known:
                    yield (*at, "product"), _unknown(feed, check.product, known)
            known.append(name)


def _strictness(feed: FeedDeclaration) -> Iterator[Problem]:
    strict = {product.event: name for name, product in feed.products.items() if product.strict}
    for name, product in feed.products.items():
        if not product.strict and product.event in strict:
            text = f"holds the rows of {strict[product.event]}, which is strict; make it strict too"
            yield ("products", name, "event"), text
    outputs = feed.outputs()
    for name, consumer in feed.consumers.items():
        for index, given in enumerate(consumer.reads):
            read = outputs.get(given.product)
            if read is not None and read.strict and not consumer.strict:
                text = f"{given.product} is strict; make what reads it strict too"
                yield ("consumers", name, "reads", index, "product"), text


def _unknown(feed: FeedDeclaration, name: str, known: list[str]) -> str:
    if name in feed.outputs():
        return f"{name!r} is not declared before it; what is read stands first"
    return f"{name!r} is no product and no consumer{_one_of(known)}"


def _one_of(names: Iterable[str]) -> str:
    listed = ", ".join(names)
    return f"; there are {listed}" if listed else ""
