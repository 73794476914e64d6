"""Several closers of one run over a simulated store, one act at a time.

A world holds the store and the closers. A scheduler says who does the next act, and a fault plan what
happens to it. Each closer has its own clock, which only its own waiting moves: whatever order the
scheduler picks, that is some pause, drift or jump of real clocks. After the acts, ``problems`` names
everything that may never happen, and ``finish`` lets one more closer come, whom nothing disturbs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from platform_assets.flow import closure as protocol
from platform_assets.flow.closure import (
    AlreadyClosed,
    Closer,
    ClosureOf,
    Held,
    Lost,
    Patience,
    Sealed,
    Unknown,
)
from platform_assets.flow.closure_log import Closed, append, log_problems
from platform_assets.flow.steps import Act, Steps, Wait, answer
from platform_assets_tests.simulators.store import Fault, SimulatedCrash, SimulatedStore

if TYPE_CHECKING:
    from collections.abc import Callable

CLOSURE = ClosureOf("runs/payments-00000001/closure", "payments-00000001", "sha256:" + "c" * 64)
PATIENCE = Patience(ttl_seconds=2, poll_seconds=1, give_up_seconds=60)

Outcome = Sealed | AlreadyClosed | Lost | Unknown


def seal_of(held: Held) -> bytes:
    return json.dumps({"record": "seal", "epoch": held.epoch, "nonce": held.nonce}).encode()


def close(number: int, beats: int = 1) -> Steps[Outcome]:
    """Close as the pipeline does: claim, renew, seal, log; adopt a standing seal and mend the log."""
    closer = Closer(f"{number:032x}", f"closer {number}", "2026-01-01T00:00:00.000000Z")
    outcome: Any = yield from protocol.claim(CLOSURE, closer, PATIENCE)
    for _ in range(beats):
        if isinstance(outcome, Held):
            outcome = yield from protocol.beat(CLOSURE, outcome)
    if isinstance(outcome, Held):
        held = outcome
        outcome = yield from protocol.seal(CLOSURE, held, seal_of(held))
        if isinstance(outcome, Sealed):
            yield from append(_closed(seal_of(held)))
    if isinstance(outcome, AlreadyClosed):
        yield from append(_closed(outcome.seal))
    return outcome


def _closed(seal: bytes) -> Closed:
    digest = "sha256:" + json.loads(seal)["nonce"] * 2
    return Closed(CLOSURE.run_id, CLOSURE.config_digest, digest, CLOSURE.folder)


@dataclass
class Running:
    steps: Steps[Outcome]
    clock: OwnClock
    reply: Any = None
    outcome: Outcome | None = None
    crashed: bool = False
    acts: int = 0

    @property
    def alive(self) -> bool:
        return self.outcome is None and not self.crashed


class OwnClock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> Any:
        raise AssertionError("the closure compares no wall clocks")

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class World:
    program: Callable[[int], Steps[Outcome]] = close
    store: SimulatedStore = field(default_factory=SimulatedStore)
    closers: list[Running] = field(default_factory=list)
    trace: list[tuple[int, Act, Fault]] = field(default_factory=list)

    def start(self) -> int:
        number = len(self.closers)
        self.closers.append(Running(self.program(number), OwnClock()))
        return number

    def act(self, number: int, fault: Fault = Fault.NONE) -> None:
        """Let a closer do its next act under a fault; nothing if it has ended."""
        closer = self.closers[number]
        if not closer.alive:
            return
        try:
            act = closer.steps.send(closer.reply)
        except StopIteration as stop:
            closer.outcome = stop.value
            return
        closer.acts += 1
        self.trace.append((number, act, fault))
        if isinstance(act, Wait) and fault in (Fault.CRASH_BEFORE, Fault.CRASH_AFTER):
            closer.crashed = True
            return
        self.store.faults = lambda _act, _path: fault
        try:
            closer.reply = answer(act, self.store, closer.clock)
        except SimulatedCrash:
            closer.crashed = True
        finally:
            self.store.faults = lambda _act, _path: Fault.NONE

    def run_to_end(self, number: int) -> None:
        while self.closers[number].alive:
            self.act(number)

    def finish(self) -> None:
        """Let everyone end undisturbed, then one more closer come; the log is sound afterwards."""
        for number in range(len(self.closers)):
            self.run_to_end(number)
        self.store.deliver_late()
        self.run_to_end(self.start())

    def seals(self) -> list[bytes]:
        """The seals that are not VOID."""
        epochs = [p for p in self.store.objects if p.endswith(".seal")]
        return [
            self.store.objects[path]
            for path in sorted(epochs)
            if json.loads(self.store.objects[path])["record"] != "void"
        ]

    def problems(self) -> list[str]:
        """Everything that may never be seen, whatever happened."""
        seals = self.seals()
        found = [f"{len(seals)} seals"] if len(seals) > 1 else []
        for number, closer in enumerate(self.closers):
            match closer.outcome:
                case Sealed(epoch):
                    mine = seal_of(Held(epoch, f"{number:032x}"))
                    if seals != [mine]:
                        found.append(f"closer {number} believes that it sealed epoch {epoch}")
                case AlreadyClosed(_, seal) if seals != [seal]:
                    found.append(f"closer {number} adopted a seal that does not stand")
                case _:
                    pass
        entries = [self.store.objects[p] for p in self.store.list("log")]
        return found + log_problems(entries)

    def problems_at_the_end(self) -> list[str]:
        """What may not be seen once everyone ended and one more closer came."""
        found = self.problems()
        last = self.closers[-1].outcome
        if not isinstance(last, (Sealed, AlreadyClosed)):
            found.append(f"the last closer, undisturbed, ended with {last}")
        if len(self.store.list("log")) != 1:
            found.append(f"{len(self.store.list('log'))} log entries")
        return found
