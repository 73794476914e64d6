"""The gate of a product of a day: what must be proven before it is opened.

It is the gate of a run (see `gate`), with the runs in the place of the anchors:

0. Resolve product and day to the newest generation.
1. The runs that it was made of count as they did: none was superseded or revoked, and no closed run
   that it does not cover has a row of the day.
2. The manifest is canonical, valid, and that of the feed, product, day and generation asked for.
3. A certificate exists for exactly this manifest digest.
4. Its signature verifies under a trusted key.
5. Its verdict is PASS, its policy is the declared one, its check set is complete and not empty.
7. Each part has the recorded size and SHA-256, and the folder holds nothing else.
8. Hand out exactly these parts.

Step 1 comes last of those that are decided here, because the manifest tells which runs there were. A
day that does not hold it is stale; compacting it again is the remedy. There is no revocation of a day
(6): what is wrong with it is wrong with an input, and is revoked there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest_bytes
from platform_assets.errors import DayStale
from platform_assets.flow.gate import Identified
from platform_assets.flow.gate_certificate import certified, passed
from platform_assets.flow.gate_manifest import manifested, resolved

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.flow.gate import Sealed
    from platform_assets.ports.signer import Trust


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDay:
    """What stands in the store for a product of a day: raw bytes, or None for nothing."""

    feed: str
    product: str
    day: str
    generation: int | None
    manifest: bytes | None
    certificate: bytes | None
    policy: Mapping[str, Any]

    @property
    def thing(self) -> str:
        """How errors name the product."""
        return f"{self.product} of {self.feed} of {self.day}"

    @property
    def named(self) -> Mapping[str, str]:
        """The fields by which each of its records says what it belongs to."""
        return {"feed": self.feed, "product": self.product, "day": self.day}

    @property
    def manifest_kind(self) -> str:
        """The kind of record that is its manifest."""
        return "day_manifest"

    @property
    def certificate_kind(self) -> str:
        """The kind of record that is its certificate."""
        return "day_certificate"

    @property
    def sealed(self) -> Sealed | None:
        """Nothing seals a day: late events and corrections make the next generation."""
        return None

    @property
    def look(self) -> str:
        """The command that shows its checks."""
        return f"{self.command('')} --json"

    def command(self, verb: str) -> str:
        """Return the command that builds and certifies it, which is one."""
        del verb
        return f"platform-assets compact {self.feed} {self.product} --day {self.day}"


@dataclass(frozen=True, slots=True)
class Since:
    """What became of the runs since a day was compacted; each is run id -> what to say of it.

    ``superseded``: an input -> the closed run that corrects it. ``revoked``: an input -> why it may not
    be read. ``later``: a closed run that the day does not cover -> how many rows of the day it has.
    """

    superseded: Mapping[str, str] = field(default_factory=dict)
    revoked: Mapping[str, str] = field(default_factory=dict)
    later: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DayPermit:
    """The proof that steps 0 to 6 hold for one manifest of a day. Only `decide_day` makes one."""

    feed: str
    product: str
    day: str
    generation: int
    manifest: Mapping[str, Any]
    manifest_digest: str
    certificate: Mapping[str, Any]
    certificate_digest: str


def identify_day(found: FoundDay) -> Identified:
    """Return the manifest that stands for the day: what may be certified, and not yet read.

    Raises:
        GateRefusal: step 0 or 2 does not hold; the class says which.
    """
    generation = resolved(found)  # 0
    manifest = manifested(found, {**found.named, "generation": generation})  # 2
    return Identified(generation, manifest, digest_bytes(found.manifest or b""))


def decide_day(found: FoundDay, since: Since, trust: Trust) -> DayPermit:
    """Return the permit for exactly one manifest, or refuse.

    Raises:
        GateRefusal: a step does not hold; the class says which.
    """
    identified = identify_day(found)  # 0, 2
    certificate = certified(found, identified, trust)  # 3, 4
    passed(found, certificate)  # 5
    _current(found, since)  # 1
    return DayPermit(
        feed=found.feed,
        product=found.product,
        day=found.day,
        generation=identified.generation,
        manifest=identified.manifest,
        manifest_digest=identified.manifest_digest,
        certificate=certificate,
        certificate_digest=digest_bytes(found.certificate or b""),
    )


def _current(found: FoundDay, since: Since) -> None:
    """Require that the runs count as they did when the day was compacted (step 1).

    Raises:
        DayStale: they do not; every finding is told.
    """
    problems = [
        *(f"{run} was superseded by {newer}" for run, newer in since.superseded.items()),
        *(f"{run} may not be read: {why}" for run, why in since.revoked.items()),
        *(f"{run} was closed with {rows:,} rows of it" for run, rows in since.later.items()),
    ]
    if problems:
        raise DayStale(
            found.thing,
            expected="the runs that it was compacted from, and no closed run with more of its rows",
            found=problems,
            remedy=f"Compact it again: {found.command('compact')}",
        )
