"""The result of a replay: what was compared, its verdict, and the first divergence.

With the engine versions of the run, SHA-256s of parts decide. With others, the same rows may be other
bytes; then content digests decide, and where a table has none (what was landed and admitted) its rows.
A step that refuses where the run did not has diverged. What follows from a divergence is not compared.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Sameness(StrEnum):
    """How what was made again compares with what is recorded; checks have outcomes and no bytes."""

    BYTES = "same bytes"
    CONTENT = "same content"
    COUNTS = "same counts, rows not compared"
    OUTCOMES = "same outcomes"
    DIFFERENT = "different"


class Verdict(StrEnum):
    """What a replay comes to."""

    REPRODUCED = "REPRODUCED"
    DIVERGED = "DIVERGED"


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where a replay first came to something else, as exactly as it can be told.

    ``position`` is that of the recorded row, or of the rebuilt one where none is recorded: stream,
    partition, offset. ``row`` counts from 0 over all parts of the table.
    """

    step: str
    thing: str
    problem: str
    part: str = ""
    row: int | None = None
    position: Mapping[str, Any] | None = None
    column: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the divergence as JSON prints it; what is not known is left out."""
        return {
            key: value
            for key in self.__slots__
            if (value := getattr(self, key)) is not None and value != ""
        }

    def text(self) -> str:
        """Return the divergence in one line."""
        where = [f"{self.step} {self.thing}"]
        if self.part:
            where.append(f"part {self.part}")
        if self.row is not None:
            where.append(f"row {self.row}")
        if self.position:
            where.append("{stream} {partition}:{offset}".format(**self.position))
        if self.column:
            where.append(f"column {self.column}")
        return f"{', '.join(where)}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Compared:
    """One thing that was compared: how many parts and rows it has, and whether it is the same."""

    step: str
    thing: str
    parts: int = 0
    rows: int = 0
    sameness: Sameness = Sameness.BYTES
    problems: tuple[str, ...] = ()

    def with_problems(self, problems: Sequence[str]) -> Compared:
        """Return the comparison with something found wrong, or as it is where nothing is."""
        if not problems:
            return self
        return replace(self, sameness=Sameness.DIFFERENT, problems=(*self.problems, *problems))

    def as_json(self) -> dict[str, Any]:
        """Return the comparison as JSON prints it."""
        return {
            "step": self.step,
            "thing": self.thing,
            "parts": self.parts,
            "rows": self.rows,
            "result": self.sameness.value,
            **({"problems": list(self.problems)} if self.problems else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """The result of a replay.

    Attributes:
        run_id: the run that was replayed.
        bundle_digest: the digest of the evidence that it was held against.
        start: from what it was rebuilt: ``anchors`` or ``landing``.
        reason: why from there.
        compared: everything that was compared, in the order of the steps.
        divergence: the first one; None where there is none.
        engines: engine -> (version of the run, version now), of those that differ.
        keys: ``given`` or ``self-asserted``: on whose word the evidence rests.
    """

    run_id: str
    bundle_digest: str
    start: str
    reason: str
    compared: tuple[Compared, ...]
    divergence: Divergence | None
    engines: Mapping[str, tuple[str, str]]
    keys: str

    @property
    def verdict(self) -> Verdict:
        """REPRODUCED only where something was compared and nothing diverged."""
        whole = self.compared and self.divergence is None
        return Verdict.REPRODUCED if whole else Verdict.DIVERGED

    @property
    def parts(self) -> int:
        """The number of parts that were compared."""
        return sum(each.parts for each in self.compared)

    @property
    def rows(self) -> int:
        """The number of rows in them."""
        return sum(each.rows for each in self.compared)

    @property
    def decided_by(self) -> str:
        """What the verdict rests on."""
        by_content = (Sameness.CONTENT, Sameness.COUNTS)
        other = any(each.sameness in by_content for each in self.compared)
        return "content digests" if other else "part digests"

    def as_json(self) -> dict[str, Any]:
        """Return the result as JSON prints it."""
        return {
            "run_id": self.run_id,
            "verdict": self.verdict.value,
            "decided_by": self.decided_by,
            "from": self.start,
            "reason": self.reason,
            "parts": self.parts,
            "rows": self.rows,
            "divergence": self.divergence.as_json() if self.divergence else None,
            "engines": {
                name: {"recorded": then, "now": now} for name, (then, now) in self.engines.items()
            },
            "compared": [each.as_json() for each in self.compared],
            "bundle_digest": self.bundle_digest,
            "keys": self.keys,
        }
