"""The load of a lane as a plan declares it: rates, keys, sizes, and what is wrong with some events."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from platform_assets.declarations.model import Declaration, Name
from platform_assets.declarations.rules import EXPONENT, NUMBER, SHARE

Count = Annotated[int, Field(ge=0, strict=True)]
Positive = Annotated[int, Field(gt=0, strict=True)]


def _text(value: object) -> object:
    # YAML gives 1.1 as a float; a record holds none, and its shortest text is what the user wrote.
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


#: A share of all events, for example ``0.5%``.
Share = Annotated[str, Field(pattern=SHARE)]
Number = Annotated[str, BeforeValidator(_text), Field(pattern=NUMBER)]


def millionths(share: str) -> int:
    """Return a share as parts of a million."""
    return int(Decimal(share.removesuffix("%")) * 10_000)


class Phase(Declaration):
    """A stretch of the load with one rate."""

    name: Name
    seconds: Positive
    rate: Annotated[int, Field(gt=0, strict=True, description="Events a second.")]


class Keys(Declaration):
    """The keys of the events: how many, and how unevenly they occur (exponent of Zipf's law)."""

    count: Annotated[int, Field(gt=0, le=10_000_000, strict=True)]
    skew: Annotated[str, BeforeValidator(_text), Field(pattern=EXPONENT)] = "0"


class Sizes(Declaration):
    """Sizes of the events in bytes, evenly spread; a field of text is filled up to reach them."""

    field: Annotated[str, Field(description="Dotted path of the field that is filled up.")]
    at_least: Positive
    at_most: Positive

    @model_validator(mode="after")
    def _is_a_span(self) -> Self:
        if self.at_least > self.at_most:
            raise ValueError(f"sizes have at_least {self.at_least} above at_most {self.at_most}")
        return self


class Workload(Declaration):
    """What is sent: the same plan and the same pin give the same bytes.

    ``sample`` holds records of the stream, one a line, that the feed's contract accepts. Each event is
    one of them with an id, an event time, a key and a size of its own. ``invalid`` events break the
    contract in ways that have a reason code; ``duplicates`` repeat an event sent at most
    ``duplicate_distance`` events before, byte for byte; ``late`` ones have an event time that long ago.
    """

    seed: Count
    stream: Name
    sample: str
    processes: Positive
    partitions: Positive
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]
    keys: Keys
    key_field: Annotated[str, Field(description="Dotted path of the field that holds the key.")]
    sizes: Sizes | None = None
    duplicates: Share
    duplicate_distance: Positive
    late: Share
    late_by_seconds: Positive
    invalid: Share

    @model_validator(mode="after")
    def _can_be_dealt_out(self) -> Self:
        names = [phase.name for phase in self.phases]
        if len(set(names)) != len(names):
            raise ValueError(f"phases need names of their own, found {', '.join(names)}")
        if self.partitions % self.processes:
            raise ValueError(
                f"each process sends to partitions of its own: {self.partitions} partitions cannot be "
                f"dealt evenly to {self.processes} processes"
            )
        return self

    @model_validator(mode="after")
    def _has_events_that_are_good(self) -> Self:
        shares = millionths(self.duplicates), millionths(self.late), millionths(self.invalid)
        if sum(shares) >= millionths("100%"):
            raise ValueError("duplicates, late and invalid events leave none that are good")
        if shares[0] and self.duplicate_distance < self.processes:
            raise ValueError(
                "a duplicate is sent by the process that sent the event which it repeats: "
                f"duplicate_distance has to be at least {self.processes}, the number of processes"
            )
        return self

    @property
    def seconds(self) -> int:
        """How long the load lasts."""
        return sum(phase.seconds for phase in self.phases)

    @property
    def events(self) -> int:
        """How many events are sent."""
        return sum(phase.seconds * phase.rate for phase in self.phases)
