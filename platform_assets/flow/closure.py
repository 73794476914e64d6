"""The claim and seal protocol: at most one seal per run, for ever.

It needs only create-only writes and reads, deletes nothing, and never compares clocks of two machines.

1. Claim: create ``<epoch>.claim`` with a nonce. After an error, read it back: my nonce means mine,
   absent means try again, another's means that another closer holds it.
2. Renew: create ``<epoch>.beat.<n>``, with no number left out, and see that the epoch is not sealed.
3. Expire: a contender that saw no new beat for the TTL on its own monotonic clock may take over, and
   one that knows the owner to be dead.
4. Take over: create ``<epoch>.seal`` as VOID. That bars the epoch's owner for ever. If a seal stands
   there that is not VOID, the run is closed and that seal is adopted. Then claim the next epoch.
7. Seal: create ``<epoch>.seal`` with the signed statement. It is the one linearisation point.

(5, requirements; 6, evidence; 8, the log: see `requirements`, `evidence` and `closure_log`. The order
of all of them is `closing`.)

An epoch's seal is created once, and the next epoch is claimed only after the one before was seen to be
VOID: so of all seals of a run at most one is not VOID, under any interleaving of closers, crashes,
pauses and lost responses. Time, and what is known of owners, decide only how soon a dead closer is
replaced, never what is safe.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import canonical_bytes
from platform_assets.flow.steps import UNCLEAR, Unclear, Wait, look, settle

if TYPE_CHECKING:
    from collections.abc import Callable

    from platform_assets.flow.steps import Steps

MAX_EPOCH = 9999


@dataclass(frozen=True, slots=True)
class ClosureOf:
    """The closure of one run: where its records stand, and what each of them names."""

    folder: str
    run_id: str
    config_digest: str

    def claim_path(self, epoch: int) -> str:
        """Return the path whose creation claims an epoch."""
        return f"{self.folder}/{epoch:04d}.claim"

    def beat_path(self, epoch: int, number: int) -> str:
        """Return the path of the owner's n-th sign of life; the first is 1."""
        return f"{self.folder}/{epoch:04d}.beat.{number}"

    def seal_path(self, epoch: int) -> str:
        """Return the path whose creation ends an epoch, as VOID or with the run's seal."""
        return f"{self.folder}/{epoch:04d}.seal"

    def record(self, kind: str, epoch: int, nonce: str, **fields: Any) -> bytes:
        """Return the canonical bytes of a claim, beat or void record."""
        return canonical_bytes(
            {
                "record": kind,
                "version": 1,
                "run_id": self.run_id,
                "config_digest": self.config_digest,
                "epoch": epoch,
                "nonce": nonce,
                **fields,
            }
        )


@dataclass(frozen=True, slots=True)
class Closer:
    """Who closes: a nonce of 32 hex digits, fresh for each attempt, and a name for people."""

    nonce: str
    owner: str
    claimed_at: str


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a contender waits: for the owner's next beat, between looks, and in all.

    ``is_gone`` tells of an owner and its nonce whether it is known to be dead, and not waited for.
    """

    ttl_seconds: float
    poll_seconds: float
    give_up_seconds: float
    is_gone: Callable[[str, str], bool] = lambda _owner, _nonce: False


@dataclass(frozen=True, slots=True)
class Held:
    """The claim is mine under this epoch; ``beats`` signs of life have been written."""

    epoch: int
    nonce: str
    beats: int = 0


@dataclass(frozen=True, slots=True)
class AlreadyClosed:
    """A seal stands that is not VOID. The caller verifies it and adopts its verdict."""

    epoch: int
    seal: bytes


@dataclass(frozen=True, slots=True)
class Lost:
    """Another closer holds the run, or has barred me. What I wrote is referenced by nothing."""

    epoch: int
    owner: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """The store does not say what stands at the path. Look again; delete nothing."""

    path: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """The run is closed by my seal."""

    epoch: int
    seal: bytes


def claim(
    closure: ClosureOf, closer: Closer, patience: Patience
) -> Steps[Held | AlreadyClosed | Lost | Unknown]:
    """Claim the run's closure, taking over from owners that show no life (steps 1, 3 and 4)."""
    epoch = 1
    while epoch <= MAX_EPOCH:
        seal = yield from look(closure.seal_path(epoch))
        if isinstance(seal, Unclear):
            return Unknown(closure.seal_path(epoch))
        if seal is not None:
            if not is_void(closure, epoch, seal):
                return AlreadyClosed(epoch, seal)
            epoch += 1
            continue
        mine = closure.record(
            "claim", epoch, closer.nonce, owner=closer.owner, claimed_at=closer.claimed_at
        )
        standing = yield from settle(closure.claim_path(epoch), mine)  # 1
        if isinstance(standing, Unclear):
            return Unknown(closure.claim_path(epoch))
        if standing == mine:
            return Held(epoch, closer.nonce)
        outcome = yield from _expire(closure, epoch, standing, patience)  # 3
        if outcome is not None:
            return outcome
        taken = yield from _take_over(closure, epoch, standing, closer)  # 4
        if not isinstance(taken, int):
            return taken
        epoch = taken
    raise RuntimeError(f"{closure.run_id} was claimed {MAX_EPOCH} times and never closed")


def beat(closure: ClosureOf, held: Held) -> Steps[Held | AlreadyClosed | Lost | Unknown]:
    """Show life and see whether the claim still holds (step 2).

    A beat that was not written is written by the next call under the same number, because contenders
    look for the numbers in order.
    """
    number = held.beats + 1
    mine = closure.record("beat", held.epoch, held.nonce, number=number)
    standing = yield from settle(closure.beat_path(held.epoch, number), mine)
    still = yield from check(closure, held)
    return replace(held, beats=number) if standing == mine and still == held else still


def check(closure: ClosureOf, held: Held) -> Steps[Held | AlreadyClosed | Lost | Unknown]:
    """Tell whether the claim stands in the store under my nonce and its epoch is not sealed."""
    claimed = yield from look(closure.claim_path(held.epoch))
    if isinstance(claimed, Unclear):
        return Unknown(closure.claim_path(held.epoch))
    if claimed is None or field(claimed, "nonce") != held.nonce:
        return Lost(held.epoch, field(claimed or b"", "owner"))
    seal = yield from look(closure.seal_path(held.epoch))
    return held if seal is None else _settled(closure, held.epoch, seal)


def seal(
    closure: ClosureOf, held: Held, envelope: bytes
) -> Steps[Sealed | AlreadyClosed | Lost | Unknown]:
    """Create the run's seal (step 7), unless the epoch was ended by another."""
    standing = yield from settle(closure.seal_path(held.epoch), envelope)
    if standing == envelope:
        return Sealed(held.epoch, envelope)
    return _settled(closure, held.epoch, standing)


def release(closure: ClosureOf, held: Held) -> Steps[AlreadyClosed | Lost | Unknown]:
    """Give the claim up by ending the own epoch as VOID, so that nobody has to wait for the TTL."""
    void = closure.record("void", held.epoch, held.nonce, by=held.nonce)
    standing = yield from settle(closure.seal_path(held.epoch), void)
    return _settled(closure, held.epoch, standing)


def find_seal(closure: ClosureOf) -> Steps[AlreadyClosed | Unknown | None]:
    """Look for the run's seal without claiming anything; None where the run is not closed."""
    for epoch in range(1, MAX_EPOCH + 1):
        standing = yield from look(closure.seal_path(epoch))
        if standing is None:
            return None
        if isinstance(standing, Unclear):
            return Unknown(closure.seal_path(epoch))
        if not is_void(closure, epoch, standing):
            return AlreadyClosed(epoch, standing)
    return None


def is_void(closure: ClosureOf, epoch: int, seal: bytes) -> bool:
    """Tell whether a seal is the VOID of exactly this run and epoch.

    Anything else that stands there counts as a seal, whose signature then has to verify: bytes that
    nobody understands never reopen a run.
    """
    nonce, by = field(seal, "nonce"), field(seal, "by")
    return seal == closure.record("void", epoch, nonce, by=by)


def field(record: bytes, name: str) -> str:
    """Return a text field of a closure record, or nothing where there is no such field."""
    try:
        value = json.loads(record)
    except ValueError:
        return ""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def _expire(
    closure: ClosureOf, epoch: int, standing: bytes, patience: Patience
) -> Steps[AlreadyClosed | Lost | Unknown | None]:
    """Watch another's claim; None when its owner is dead, or shows no life, or its epoch is VOID."""
    owner, nonce = field(standing, "owner"), field(standing, "nonce")
    began: float = yield Wait(0)
    last_sign, now, beats = began, began, 0
    while True:
        ended = yield from look(closure.seal_path(epoch))
        if ended is not None:
            outcome = _settled(closure, epoch, ended)
            return None if isinstance(outcome, Lost) else outcome
        seen = yield from _count_beats(closure, epoch, beats)
        if seen is UNCLEAR or seen > beats:
            # Not being able to look is no sign of death: the waiting begins anew.
            beats = beats if isinstance(seen, Unclear) else seen
            last_sign = now = yield Wait(0)
        if now - last_sign >= patience.ttl_seconds or patience.is_gone(owner, nonce):
            return None
        if now - began >= patience.give_up_seconds:
            return Lost(epoch, owner)
        now = yield Wait(patience.poll_seconds)


def _count_beats(closure: ClosureOf, epoch: int, known: int) -> Steps[int | Unclear]:
    while True:
        found = yield from look(closure.beat_path(epoch, known + 1))
        if isinstance(found, Unclear):
            return UNCLEAR
        if found is None:
            return known
        known += 1


def _take_over(
    closure: ClosureOf, epoch: int, standing: bytes, closer: Closer
) -> Steps[int | AlreadyClosed | Unknown]:
    """End another's epoch as VOID and return the next one, or adopt the seal that stands there."""
    void = closure.record("void", epoch, field(standing, "nonce"), by=closer.nonce)
    ended = yield from settle(closure.seal_path(epoch), void)
    outcome = _settled(closure, epoch, ended)
    return epoch + 1 if isinstance(outcome, Lost) else outcome


def _settled(
    closure: ClosureOf, epoch: int, seal: bytes | Unclear
) -> AlreadyClosed | Lost | Unknown:
    if isinstance(seal, Unclear):
        return Unknown(closure.seal_path(epoch))
    if is_void(closure, epoch, seal):
        return Lost(epoch, field(seal, "by"))
    return AlreadyClosed(epoch, seal)
