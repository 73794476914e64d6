"""Histories of closers, drawn from a source of choices: a seed, or Hypothesis where it is to shrink.

Two to four closers of one run, sometimes of two runs that share the log, begin at any time. Who acts
next is drawn for each act; a burst of many acts is a long pause of everyone else, beyond any TTL. A
history has calm and rough weather, so that faults come alone as well as in heaps. Clocks jump, to and
fro. Crashed closers are replaced by new ones. Requests under way arrive whenever they like, also after
everybody ended.

The end of a history is without troubles: a new closer comes for each run, alone; then those that were
paused wake up, and what was still under way arrives.
"""

from __future__ import annotations

import random
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from platform_assets.flow import closure, closure_log
from platform_assets_tests.simulators.closers import FILES, Manner, close
from platform_assets_tests.simulators.closing_checks import problems, problems_at_the_end
from platform_assets_tests.simulators.closing_world import CRASHES, Trouble, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

UNHEARD = [trouble for trouble in Trouble if trouble is not Trouble.NONE and trouble not in CRASHES]
TROUBLES = [*UNHEARD, *UNHEARD, *UNHEARD, *sorted(CRASHES, key=lambda trouble: trouble.name)]
WEATHER = (0.0, 0.0, 0.03, 0.1, 0.2, 0.4, 0.9)
BURSTS = (1, 1, 1, 1, 2, 3, 12, 60)
JUMPS = (-3.0, 1.0, 2.5, 1000.0)
MOST_CLOSERS = 7


def history(choose: random.Random) -> World:
    """Return a history up to the moment where troubles stop."""
    world = World()
    runs = (1, 1, 1, 2) if choose.random() < 0.25 else (1,)
    for _ in range(choose.randint(2, 4)):
        _begin(world, choose, runs)
    rough = choose.choice(WEATHER)
    for _ in range(choose.randint(8, 60)):
        if choose.random() < 0.1:
            rough = choose.choice(WEATHER)
        alive = world.alive()
        if not alive or (len(world.closers) < MOST_CLOSERS and choose.random() < 0.04):
            if len(world.closers) >= MOST_CLOSERS:
                break
            alive.append(_begin(world, choose, runs))
        number = choose.choice(alive)
        for _ in range(choose.choice(BURSTS)):
            disturbed = choose.random() < rough
            world.act(number, choose.choice(TROUBLES) if disturbed else Trouble.NONE)
            if not world.closers[number].alive:
                break
        if world.under_way and choose.random() < 0.15:
            world.deliver(choose.randrange(len(world.under_way)))
        if choose.random() < 0.02:
            world.closers[number].clock += choose.choice(JUMPS)
    return world


def finish(world: World, choose: random.Random) -> list[str]:
    """Let the troubles stop, and return everything that is wrong, then or afterwards."""
    paused, first = world.alive(), len(world.closers)
    runs = sorted({closer.run for closer in world.closers})
    for run in runs:
        world.run_to_end(world.start(close(len(world.closers), run), run))
    found = [
        p for last in range(first, first + len(runs)) for p in problems_at_the_end(world, last)
    ]
    choose.shuffle(paused)
    for number in paused:
        world.run_to_end(number)
    while world.under_way:
        world.deliver(choose.randrange(len(world.under_way)))
    return found + [problem for problem in problems(world) if problem not in found]


@contextmanager
def remembered() -> Iterator[None]:
    """Remember what pure functions return: thousands of histories ask them for the same records."""
    pure = [
        (closure.ClosureOf, "record"),
        (closure, "is_void"),
        (closure, "field"),
        (closure_log, "read_entry"),
        (closure_log, "_index_of"),
        (closure_log.Closed, "entry"),
    ]
    plain = [getattr(owner, name) for owner, name in pure]
    for (owner, name), function in zip(pure, plain, strict=True):
        setattr(owner, name, _remembering(function))
    try:
        yield
    finally:
        for (owner, name), function in zip(pure, plain, strict=True):
            setattr(owner, name, function)


def _remembering(function: Callable[..., Any]) -> Callable[..., Any]:
    known = lru_cache(maxsize=1 << 14)(function)

    def remembering(*given: Any, **named: Any) -> Any:  # a function, to be a method in its class
        return known(*given, **named)

    return remembering


def explore(seeds: Iterable[int]) -> Iterator[tuple[int, World, list[str]]]:
    """Return each seed's history with what is wrong in it."""
    with remembered():
        for seed in seeds:
            choose = random.Random(seed)  # noqa: S311 - a reproducible history, no secret
            world = history(choose)
            yield seed, world, finish(world, choose)


def _begin(world: World, choose: random.Random, runs: tuple[int, ...]) -> int:
    run = choose.choice(runs)
    beats = tuple(choose.random() < 0.3 for _ in FILES)
    manner = Manner(beats, ready=choose.random() < 0.95)
    return world.start(close(len(world.closers), run, manner), run)
