"""Histories of faults, drawn from a seed: what happens to which broker, when, and for how long.

Times are fractions of what a landing, or a look, takes undisturbed, so that a history meets it on
a slow machine and on a fast one. What a seed draws does not depend on the machine.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

#: Kinds of histories -> how many belong to a full run. Together they are more than 200.
KINDS = {"network": 150, "leaders": 40, "frozen": 6, "killed": 4, "outage": 6}

_NETWORK = ("cut", "cut", "cut_after", "cut_after", "cut_after", "refuse", "stall", "delay")
#: How many of the network's faults meet all brokers at once.
_OF_ALL = 0.15
_BROKERS = 3


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that happens.

    Attributes:
        at: when it begins, as a fraction of what is met, undisturbed.
        act: what it is.
        broker: whom it meets; to a leader's move, who leads from then on.
        lasting: how long it lasts, in the unit of ``at``; 0 where it lasts no time.
        amount: bytes after which a connection is cut, seconds of a delay, partition that moves.
    """

    at: float
    act: str
    broker: int
    lasting: float = 0.0
    amount: float = 0.0


@dataclass(frozen=True, slots=True)
class History:
    """All faults that one landing, or one look, is to meet."""

    seed: int
    kind: str
    faults: tuple[Fault, ...]


def draw(kind: str, seed: int) -> History:
    """Return the history of a kind that a seed tells."""
    chance = random.Random(f"{kind} {seed}")  # noqa: S311 - a history, not a secret
    if kind == "outage":  # nobody is reached until it was given up, or has ended before
        at = 0.0 if seed % 2 == 0 else chance.uniform(0.3, 0.9)
        act = chance.choice(("stall", "refuse"))
        faults = _everywhere(Fault(at, act, 0, lasting=1e9))
    else:
        faults = [fault for _ in range(chance.randint(1, 4)) for fault in _network(chance)]
    if kind == "leaders":
        faults += [_move(chance) for _ in range(chance.randint(1, 4))]
    if kind in ("frozen", "killed"):
        act = {"frozen": "freeze", "killed": "kill"}[kind]
        faults = faults[: chance.randint(0, 2)]
        lasting = chance.uniform(0.2, 15)  # less than it takes to be noticed, and more
        faults.append(Fault(chance.uniform(0, 0.8), act, _broker(chance), lasting))
    return History(seed, kind, tuple(sorted(faults, key=lambda fault: fault.at)))


def _network(chance: random.Random) -> list[Fault]:
    """Return a fault of one broker's network or, less often, of everybody's."""
    act, broker = chance.choice(_NETWORK), _broker(chance)
    at, lasting, amount = chance.uniform(0, 1), chance.uniform(0.1, 1.5), 0.0
    if act == "cut":
        lasting = 0.0
    elif act == "cut_after":  # from within the first answers to within the last ones
        at, lasting, amount = 0.0, 0.0, int(10 ** chance.uniform(1.5, 6))
    elif act == "delay":
        amount = chance.uniform(0.005, 0.05)
    fault = Fault(at, act, broker, lasting, amount)
    return _everywhere(fault) if chance.random() < _OF_ALL else [fault]


def _everywhere(fault: Fault) -> list[Fault]:
    return [replace(fault, broker=broker) for broker in range(1, _BROKERS + 1)]


def _move(chance: random.Random) -> Fault:
    return Fault(chance.uniform(0, 1), "lead", _broker(chance), amount=chance.randrange(4))


def _broker(chance: random.Random) -> int:
    return chance.randint(1, _BROKERS)
