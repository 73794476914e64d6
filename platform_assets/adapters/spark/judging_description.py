"""What a Spark job is told that judges landed parts, and what it tells of each of them.

Of a judged part everything is told in one small file: counts, and every file that was written, with its
bytes and SHA-256. A file that is not named there was left by an attempt that was killed or overtaken.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from platform_assets.adapters.judged_parts import DeclaredEvent
from platform_assets.adapters.spark.description import WrittenFile, described, description_of

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgingDescription:
    """The landed parts of one stream, to be judged by a Spark job.

    ``landed`` are paths or URIs in the order of landing, that every executor can read. ``folder`` is
    where attempts write, ``result`` the answer's file. ``properties`` are those of the Spark session
    that the job itself opens.
    """

    kind: ClassVar[str] = "judging"

    name: str
    stream: str
    events: tuple[DeclaredEvent, ...]
    landed: tuple[str, ...]
    folder: str
    result: str
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def work(self) -> str:
        """What there is to do, in words."""
        return f"{len(self.landed)} landed parts to be judged"

    def as_json(self) -> str:
        """Write the description as the job reads it."""
        return described(self.kind, asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> JudgingDescription:
        """Read what `as_json` wrote.

        Raises:
            ValueError: it is a description of another version, or of another kind of job.
        """
        document = description_of(cls.kind, text)
        document["events"] = tuple(DeclaredEvent(**event) for event in document["events"])
        document["landed"] = tuple(document["landed"])
        return cls(**document)


@dataclass(frozen=True, slots=True)
class ToldAccepted:
    """Accepted rows of one event: their part, and the spilled hashes as `hash_buckets` has them."""

    part: WrittenFile
    rows: int
    hashes: WrittenFile
    hashed: int
    cells: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldPart:
    """What an attempt tells of a landed part that it judged; see `judged_parts.JudgedPart`."""

    number: int
    partition: str
    accepted: Mapping[str, ToldAccepted]
    refused: int
    refused_file: WrittenFile | None
    columnar: int
    one_by_one: int

    def as_json(self) -> bytes:
        """Write it."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, text: str | bytes) -> ToldPart:
        """Read what `as_json` wrote."""
        document: dict[str, Any] = json.loads(text)
        refused = document.pop("refused_file")
        accepted = {event: _accepted(told) for event, told in document.pop("accepted").items()}
        return cls(
            **document,
            accepted=accepted,
            refused_file=WrittenFile(**refused) if refused else None,
        )


def _accepted(told: Mapping[str, Any]) -> ToldAccepted:
    return ToldAccepted(
        part=WrittenFile(**told["part"]),
        rows=told["rows"],
        hashes=WrittenFile(**told["hashes"]),
        hashed=told["hashed"],
        cells=tuple(told["cells"]),
    )
