"""A feed as declared in ``defs/<name>/defs.yaml``.

A feed names its streams, the events in them with their contracts, the products made of the events
with their checks, and the consumers that read certified products. The configuration digest covers all
of it but the checks, which belong to the policy that each certificate names, and but what changes no
run: the engines, the compaction of a product, how often the sensor looks, how many runs may be open,
where they are announced, and how long their data is kept.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import ByteSize, Field, model_validator

from platform_assets.declarations.checks import CheckDeclaration
from platform_assets.declarations.ledgers import (
    EVERY_RUN,
    HistoryRuns,
    LedgerDeclaration,
    SliceDeclaration,
    followed,
)
from platform_assets.declarations.model import Declaration, Name
from platform_assets.declarations.references import check_references
from platform_assets.declarations.retention import RetentionDeclaration
from platform_assets.declarations.rules import FUNCTION, TOPIC
from platform_assets.declarations.sources import SourceDeclaration  # noqa: TC001 - read at run time
from platform_assets.declarations.starts import Start  # noqa: TC001 - read at run time

#: What the configuration of a run leaves out, besides the checks.
_CHANGES_NO_RUN: dict[str, Any] = {
    "announce": True,
    "products": {"__all__": {"compaction", "engine"}},
    "retention": True,
    "streams": {"__all__": {"engine"}},
    "window": {"max_open_runs", "look_every_seconds"},
}

Checks = Annotated[tuple[CheckDeclaration, ...], Field(min_length=1)]
Contract = Annotated[str, Field(description="A JSON Schema file, relative to schemas/events.")]
Strict = Annotated[
    bool,
    Field(strict=True, description="Encrypt the parts; only a PASS certificate releases the key."),
]


Engine = Annotated[
    Literal["embedded", "spark"],
    Field(description="What sorts and writes the product; the rows are the same with either."),
]

Judging = Annotated[
    Literal["embedded", "spark"],
    Field(description="What judges the records; the receipt is the same with either."),
]


Compaction = Annotated[
    Literal["daily"] | None,
    Field(description="Offer the product by day of event time too, made from all closed runs."),
]


class EventDeclaration(Declaration):
    """One event type of a stream."""

    contract: Contract
    id: Annotated[str, Field(description="Dotted path of the event id.")]
    time: Annotated[str | None, Field(description="Dotted path of the event time.")] = None
    when: Annotated[
        dict[str, str | int | bool],
        Field(description="Dotted path -> value that tells this event type from the others."),
    ] = Field(default_factory=dict)


class StreamDeclaration(Declaration):
    """One topic, Kinesis stream or file log."""

    topic: Annotated[
        str | None, Field(pattern=TOPIC, description="Defaults to the stream's name.")
    ] = None
    source: SourceDeclaration | None = None
    start: Start = "earliest"
    engine: Judging = "embedded"
    events: Annotated[dict[Name, EventDeclaration], Field(min_length=1)]

    @model_validator(mode="after")
    def _events_can_be_told_apart(self) -> Self:
        if len(self.events) > 1:
            blind = [name for name, event in self.events.items() if not event.when]
            if blind:
                raise ValueError(
                    f"a stream of several events needs `when` on each; missing: {blind}"
                )
        return self


class WindowDeclaration(Declaration):
    """How much one run takes at most, and how long the sensor waits for it to fill."""

    max_records: Annotated[int, Field(gt=0, strict=True)] = 1_000_000
    max_bytes: Annotated[ByteSize, Field(gt=0)] = ByteSize(1024**3)
    max_age_seconds: Annotated[int, Field(ge=0, strict=True)] = 60
    max_open_runs: Annotated[
        int, Field(gt=0, strict=True, description="How many runs may be pinned and not yet closed.")
    ] = 1
    parallel: Annotated[
        int,
        Field(
            gt=0,
            strict=True,
            description="How many windows are processed side by side. They settle what repeats in the "
            "order in which they come to it.",
        ),
    ] = 1
    look_every_seconds: Annotated[
        int, Field(ge=5, strict=True, description="How often the sensor looks at the streams.")
    ] = 30


class AnnounceDeclaration(Declaration):
    """Where it is announced that a product is certified and that a run is closed."""

    source: SourceDeclaration
    topic: Annotated[str, Field(pattern=TOPIC, description="A control topic or Kinesis stream.")]


class DedupeDeclaration(Declaration):
    """How many earlier runs count when a run looks for events that it has seen before."""

    horizon_runs: Annotated[int, Field(ge=0, strict=True)] = 30


class ProductDeclaration(Declaration):
    """A stream view: all admitted events of one type, sorted and certified."""

    event: Name
    sort: Annotated[tuple[str, ...], Field(min_length=1)]
    part_rows: Annotated[int, Field(gt=0, strict=True)] = 1_000_000
    strict: Strict = False
    engine: Engine = "embedded"
    compaction: Compaction = None
    checks: Checks


class InputDeclaration(Declaration):
    """What a consumer reads: a product of its run and, if asked, of closed runs before it."""

    product: Name
    history_runs: HistoryRuns = 0
    this_run: Annotated[
        bool, Field(strict=True, description="Whether the product of its own run is read as well.")
    ] = True


class InputsAndOutput(Declaration):
    """What a consumer reads, and the contract, identity and order of the rows that it writes."""

    reads: Annotated[tuple[InputDeclaration, ...], Field(min_length=1)]
    contract: Contract
    key: Annotated[tuple[str, ...], Field(min_length=1)]
    sort: Annotated[tuple[str, ...], Field(min_length=1)]


class ConsumerDeclaration(InputsAndOutput):
    """What is made of certified products, a certified product itself: by a function, or as a ledger.

    A function returns rows of any contract. What a ledger and a slice read, and the contract, key and
    order of what they write, follow from how they are declared.
    """

    function: Annotated[str | None, Field(pattern=FUNCTION, description="module:function")] = None
    ledger: LedgerDeclaration | None = None
    slice: SliceDeclaration | None = None
    part_rows: Annotated[int, Field(gt=0, strict=True)] = 1_000_000
    strict: Strict = False
    parameters: dict[str, str | int | bool] = Field(default_factory=dict)
    checks: Checks

    @model_validator(mode="before")
    @classmethod
    def _with_what_follows(cls, given: Any) -> Any:
        follows = followed(given) if isinstance(given, dict) else {}
        return {**follows, **given} if follows else given

    @model_validator(mode="after")
    def _is_made_in_one_way(self) -> Self:
        way = self.ledger or self.slice
        if sum(given is not None for given in (self.function, self.ledger, self.slice)) != 1:
            raise ValueError("needs one of `function`, `ledger` and `slice`, and no second one")
        if way is None:
            return self
        follows = InputsAndOutput.model_validate(way.derived())
        wrong = [name for name, value in follows if getattr(self, name) != value]
        if self.parameters:
            wrong.append("parameters")
        if wrong:
            raise ValueError(f"has {', '.join(wrong)} by how it is made; leave out what is written")
        return self

    @property
    def history_of_its_own(self) -> int:
        """Return how many runs before its own the consumer reads its own output of."""
        return EVERY_RUN if self.ledger is not None else 0


class FeedDeclaration(Declaration):
    """A named group of streams that is processed together."""

    feed: Name
    description: str = ""
    source: SourceDeclaration | None = None
    streams: Annotated[dict[Name, StreamDeclaration], Field(min_length=1)]
    window: WindowDeclaration = WindowDeclaration()
    dedupe: DedupeDeclaration = DedupeDeclaration()
    products: Annotated[dict[Name, ProductDeclaration], Field(min_length=1)]
    consumers: dict[Name, ConsumerDeclaration] = Field(default_factory=dict)
    announce: AnnounceDeclaration | None = None
    retention: RetentionDeclaration = RetentionDeclaration()

    def source_of(self, stream: str) -> SourceDeclaration:
        """Return the stream's own source, or the feed's."""
        source = self.streams[stream].source or self.source
        if source is None:
            raise RuntimeError(f"stream {stream} was validated without a source")
        return source

    def sources(self) -> tuple[SourceDeclaration, ...]:
        """Return every source that is declared, also where it is announced to."""
        announced = self.announce.source if self.announce else None
        given = (self.source, *(stream.source for stream in self.streams.values()), announced)
        return tuple(source for source in given if source is not None)

    def stream_of(self, event: str) -> str:
        """Return the stream that carries the event type."""
        return next(name for name, stream in self.streams.items() if event in stream.events)

    def event(self, name: str) -> EventDeclaration:
        """Return the event type's declaration."""
        return self.streams[self.stream_of(name)].events[name]

    def outputs(self) -> dict[str, ProductDeclaration | ConsumerDeclaration]:
        """Return everything that is certified: the products, then the consumers in order."""
        return {**self.products, **self.consumers}

    @property
    def side_by_side(self) -> bool:
        """Whether windows settle their identities in a log, and do not wait for those before them."""
        return self.window.parallel > 1 and self.dedupe.horizon_runs > 0

    @property
    def leading_stream(self) -> str:
        """The stream that is settled first, whose order the others keep; records sort their keys."""
        return min(self.streams)

    @property
    def strict(self) -> bool:
        """Whether a product is strict, so that what it is made of is encrypted too."""
        return any(product.strict for product in self.products.values())

    def configuration(self) -> dict[str, Any]:
        """Return what the configuration digest covers, as record values.

        Defaults are written out: a later release may have others, and the run keeps its own. What came
        to be declared later, `strict`, `parallel` and `this_run`, is left out where it says nothing:
        what is declared as before has the digest that it had.
        """
        declared = self.model_dump(mode="json", exclude_none=True, exclude=_CHANGES_NO_RUN)
        for output in (*declared["products"].values(), *declared["consumers"].values()):
            del output["checks"]
            if not output["strict"]:
                del output["strict"]
            for read in output.get("reads", ()):
                if read["this_run"]:
                    del read["this_run"]
        if self.window.parallel == 1:
            del declared["window"]["parallel"]
        return declared

    @model_validator(mode="after")
    def _names_refer_to_what_there_is(self) -> Self:
        check_references(self)
        return self
