"""A store, the requests under way to it, and several closers that do one act at a time.

A scheduler says who acts next and what happens to that act; between two acts of a closer everything
else may happen, so every order is some pause of real processes. Each closer has a clock of its own,
which its own waiting moves, and which may jump. What took effect is recorded with the moment of its
effect, because the checker judges that record and not what the closers believe.

An answer may be older than it looks: it is taken when the act is done and handed over when the closer
acts again. So a read that is slow, and a closer that is frozen with an answer in hand, are every order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from platform_assets.flow.steps import UNCLEAR, Act, Create, Read, Wait, Wrote
from platform_assets_tests.simulators.closers import BrokenClosure, DamagedLog, Refused, WriteFailed

if TYPE_CHECKING:
    from platform_assets.flow.steps import Steps


class Trouble(Enum):
    """What may happen to one act."""

    NONE = "nothing"
    LOST_REQUEST = "the request never arrives; no answer (also 5xx, a full disk, a 409 of S3)"
    LOST_RESPONSE = "the effect happens; no answer"
    LATE = "no answer; the effect happens some time later, whoever still waits for it"
    RETRIED = "the client tries again by itself and is told 412 of its own success"
    CRASH_BEFORE = "the process dies, and nothing was sent"
    CRASH_AFTER = "the process dies after the effect"
    CRASH_LATE = "the process dies; the effect happens some time later"


CRASHES = frozenset({Trouble.CRASH_BEFORE, Trouble.CRASH_AFTER, Trouble.CRASH_LATE})
_NO_EFFECT = frozenset({Trouble.LOST_REQUEST, Trouble.CRASH_BEFORE})
_LATER = frozenset({Trouble.LATE, Trouble.CRASH_LATE})


@dataclass(frozen=True, slots=True)
class Overwrite:
    """No act of the protocol: what a planted bug does to an object that stands."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Effect:
    """An object came to be, or was overwritten, at a moment, by a closer."""

    moment: int
    path: str
    data: bytes
    closer: int


@dataclass(slots=True)
class Running:
    """A closer under way; at last with its outcome, or dead."""

    steps: Steps[Any]
    run: int
    reply: Any = None
    clock: float = 0.0
    outcome: Any = None
    ended_at: int = 0
    crashed: bool = False

    @property
    def alive(self) -> bool:
        """Whether it has an act to do."""
        return self.outcome is None and not self.crashed


@dataclass(slots=True)
class World:
    """Everything there is. ``moment`` counts the acts."""

    objects: dict[str, bytes] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    under_way: list[tuple[int, str, bytes]] = field(default_factory=list)
    closers: list[Running] = field(default_factory=list)
    trace: list[tuple[int, Any, Trouble]] = field(default_factory=list)
    moment: int = 0

    def start(self, steps: Steps[Any], run: int = 1) -> int:
        """Let a closer come, and return its number."""
        self.closers.append(Running(steps, run))
        return len(self.closers) - 1

    def alive(self) -> list[int]:
        """Return the numbers of the closers that have not ended."""
        return [number for number, closer in enumerate(self.closers) if closer.alive]

    def act(self, number: int, trouble: Trouble = Trouble.NONE) -> None:
        """Let a closer do its next act; nothing if it has ended."""
        closer = self.closers[number]
        if closer.outcome is not None or closer.crashed:
            return
        self.moment += 1
        try:
            act = closer.steps.send(closer.reply)
        except StopIteration as stop:
            closer.outcome, closer.ended_at = stop.value, self.moment
            return
        except (Refused, WriteFailed, BrokenClosure, DamagedLog) as error:
            closer.outcome, closer.ended_at = error, self.moment
            return
        self.trace.append((number, act, trouble))
        closer.reply = self._answer(number, closer, act, trouble)
        closer.crashed = trouble in CRASHES

    def run_to_end(self, number: int) -> None:
        """Let a closer do all its acts, undisturbed and alone."""
        closer = self.closers[number]
        while closer.alive:
            self.act(number)

    def deliver(self, index: int) -> None:
        """Let one of the requests under way take effect now."""
        self.moment += 1
        number, path, data = self.under_way.pop(index)
        self._create(number, path, data)

    def _answer(
        self, number: int, closer: Running, act: Act | Overwrite, trouble: Trouble
    ) -> object:
        match act:
            case Wait(seconds):
                closer.clock += seconds
                return closer.clock
            case Read(path):
                return self.objects.get(path) if trouble is Trouble.NONE else UNCLEAR
            case Overwrite(path, data):
                self._effect(number, path, data)
                return Wrote.CREATED
            case Create(path, data):
                return self._sent(number, path, data, trouble)

    def _sent(self, number: int, path: str, data: bytes, trouble: Trouble) -> Wrote:
        if trouble in _LATER:
            self.under_way.append((number, path, data))
        if trouble in _LATER or trouble in _NO_EFFECT:
            return Wrote.UNKNOWN
        created = self._create(number, path, data)
        if trouble is Trouble.LOST_RESPONSE:
            return Wrote.UNKNOWN
        return Wrote.CREATED if created and trouble is Trouble.NONE else Wrote.TAKEN

    def _create(self, number: int, path: str, data: bytes) -> bool:
        if path in self.objects:
            return False
        self._effect(number, path, data)
        return True

    def _effect(self, number: int, path: str, data: bytes) -> None:
        self.objects[path] = data
        self.effects.append(Effect(self.moment, path, data, number))
