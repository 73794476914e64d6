"""I9: at most one seal per run, for ever, under any interleaving, crash, pause and lost response."""

from __future__ import annotations

import json
import random
from itertools import product
from typing import TYPE_CHECKING

import pytest

from platform_assets.canonical import parse_canonical
from platform_assets.contracts.records import check_record
from platform_assets.flow import closure as protocol
from platform_assets.flow import closure_log
from platform_assets.flow.closing import closing
from platform_assets.flow.closure import AlreadyClosed, Closer, Held, Lost, Patience, Sealed
from platform_assets.flow.closure_log import Logged
from platform_assets.flow.steps import perform
from platform_assets_tests.simulators.closers import (
    CLOSURE,
    LOG,
    PATIENCE,
    Manner,
    Said,
    close,
    seal_of,
)
from platform_assets_tests.simulators.closing_checks import problems
from platform_assets_tests.simulators.closing_histories import finish, remembered
from platform_assets_tests.simulators.closing_world import Trouble, World
from platform_assets_tests.simulators.own_clock import OwnClock
from platform_assets_tests.simulators.store import Fault, SimulatedStore

if TYPE_CHECKING:
    from platform_assets.flow.closing import Ended
    from platform_assets.flow.steps import Steps

FIRST_DECISIONS = 12  # who acts next is tried in all ways for so many acts
ALICE = Closer("a" * 32, "alice", "2026-01-01T00:00:00.000000Z")
BOB = Closer("b" * 32, "bob", "2026-01-01T00:00:01.000000Z")


def bare(number: int, patience: Patience = PATIENCE) -> Steps[Ended]:
    """A closer without evidence and log: claim, and seal at once."""
    closer = Closer(f"{number:032x}", f"closer {number}", "2026-01-01T00:00:00.000000Z")

    def prepared(held: Held) -> Steps[bytes]:
        yield from ()
        return seal_of(held)

    return closing(CLOSURE, closer, patience, prepared)


def seals(world: World) -> list[bytes]:
    found = [data for path, data in sorted(world.objects.items()) if path.endswith(".seal")]
    return [seal for seal in found if b'"void"' not in seal]


def test_i09_two_closers_interleaved_at_every_step_leave_one_seal() -> None:
    hurried = Patience(ttl_seconds=1, poll_seconds=1, give_up_seconds=60)
    outcomes = set()
    for order in product((0, 1), repeat=FIRST_DECISIONS):
        world = World()
        for number in (0, 1):
            world.start(bare(number, hurried))
        for number in order:
            world.act(number)
        for number in (order[-1], 1 - order[-1]):
            world.run_to_end(number)
        (standing,) = seals(world)
        for closer in world.closers:
            assert closer.outcome.seal == standing, world.trace
            outcomes.add((type(closer.outcome), closer.outcome.epoch))
    assert outcomes == {(Sealed, 1), (Sealed, 2), (AlreadyClosed, 1), (AlreadyClosed, 2)}


@pytest.mark.parametrize("trouble", [trouble for trouble in Trouble if trouble is not Trouble.NONE])
def test_i09_trouble_at_every_act_of_a_closer_leaves_one_seal_and_one_entry(
    trouble: Trouble,
) -> None:
    choose = random.Random(0)  # noqa: S311 - a reproducible history, no secret
    with remembered():
        undisturbed = World()
        undisturbed.run_to_end(undisturbed.start(close(0)))
        acts = len(undisturbed.trace)
        assert acts >= 20
        for nth in range(acts):
            for before_second in range(nth % 3, acts + 1, 3):
                world = World()
                for number in (0, 1):
                    world.start(close(number))
                for step in range(acts + 5):
                    if step == before_second:
                        for _ in range(15):
                            world.act(1)
                    world.act(0, trouble if step == nth else Trouble.NONE)
                assert problems(world) == [], world.trace
                assert finish(world, choose) == [], world.trace


def test_a_second_closer_is_told_who_holds_the_claim_and_later_adopts_the_seal() -> None:
    store, clock = SimulatedStore(), OwnClock()
    held = perform(protocol.claim(CLOSURE, ALICE, PATIENCE), store, clock)
    assert held == Held(1, ALICE.nonce)
    hurried = Patience(ttl_seconds=30, poll_seconds=1, give_up_seconds=3)
    assert perform(protocol.claim(CLOSURE, BOB, hurried), store, clock) == Lost(1, "alice")
    assert perform(protocol.seal(CLOSURE, held, seal_of(held)), store, clock) == Sealed(
        1, seal_of(held)
    )
    adopted = perform(protocol.claim(CLOSURE, BOB, hurried), store, clock)
    assert adopted == AlreadyClosed(1, seal_of(held))
    assert perform(protocol.find_seal(CLOSURE), store, clock) == adopted


def test_a_closer_that_shows_life_is_not_replaced_and_one_that_stops_is() -> None:
    world = World()
    for number in (0, 1):
        world.start(close(number, manner=Manner(beats=(True, True, True))))
    while world.closers[0].alive:
        for _ in range(3):
            world.act(0)
        world.act(1)
    assert world.closers[0].outcome == Said(digest(world)), "and not the other's"
    assert CLOSURE.seal_path(1) in world.objects
    stopped = World()
    stopped.start(close(0))
    while CLOSURE.claim_path(1) not in stopped.objects:
        stopped.act(0)
    second = stopped.start(close(1))
    stopped.run_to_end(second)
    assert stopped.closers[second].clock <= PATIENCE.ttl_seconds + PATIENCE.poll_seconds
    assert [CLOSURE.seal_path(2) in stopped.objects, len(seals(stopped))] == [True, 1]
    stopped.run_to_end(0)
    assert stopped.closers[0].outcome == stopped.closers[1].outcome == Said(digest(stopped))
    assert problems(stopped) == []


def digest(world: World) -> str:
    (seal,) = seals(world)
    named = json.loads(seal)["bundle"]
    assert isinstance(named, str)
    return named


def test_a_closer_that_fails_after_it_was_barred_gives_the_answer_that_stands() -> None:
    """What a barred closer finds is judged from a run that another has closed: it is no verdict."""
    world = World()
    world.start(close(0, manner=Manner(ready=False)))
    while CLOSURE.claim_path(1) not in world.objects:
        world.act(0)
    world.run_to_end(world.start(close(1)))
    world.run_to_end(0)
    assert world.closers[0].outcome == world.closers[1].outcome == Said(digest(world))


def test_a_store_that_cannot_be_read_is_no_sign_that_the_owner_died() -> None:
    store, clock = SimulatedStore(), OwnClock()
    perform(protocol.claim(CLOSURE, ALICE, PATIENCE), store, clock)
    store.faults = lambda act, path: (
        Fault.UNREADABLE if act == "read" and ".beat." in path else Fault.NONE
    )
    patience = Patience(ttl_seconds=2, poll_seconds=1, give_up_seconds=20)
    assert perform(protocol.claim(CLOSURE, BOB, patience), store, clock) == Lost(1, "alice")
    assert not any(path.endswith(".seal") for path in store.objects)


def test_a_released_claim_lets_the_next_closer_in_at_once() -> None:
    store, clock = SimulatedStore(), OwnClock()
    held = perform(protocol.claim(CLOSURE, ALICE, PATIENCE), store, clock)
    assert isinstance(held, Held)
    perform(protocol.release(CLOSURE, held), store, clock)
    assert perform(protocol.check(CLOSURE, held), store, clock) == Lost(1, ALICE.nonce)
    assert perform(protocol.claim(CLOSURE, BOB, PATIENCE), store, clock) == Held(2, BOB.nonce)
    assert clock.seconds == 0
    assert perform(protocol.seal(CLOSURE, held, seal_of(held)), store, clock) == Lost(
        1, ALICE.nonce
    )


def test_a_closer_that_is_interrupted_gives_its_claim_up() -> None:
    store, clock = SimulatedStore(), OwnClock()

    def interrupted(held: Held) -> Steps[bytes]:
        yield from ()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        perform(closing(CLOSURE, ALICE, PATIENCE, interrupted), store, clock)
    assert perform(protocol.claim(CLOSURE, BOB, PATIENCE), store, clock) == Held(2, BOB.nonce)
    assert clock.seconds == 0


def test_a_seal_that_nobody_understands_never_reopens_a_run() -> None:
    other = CLOSURE.record("void", 2, "0" * 32, by="x")  # the VOID of another epoch
    for bytes_there in (b"", b"{}", b"\xff", other, other + b" "):
        store, clock = SimulatedStore(), OwnClock()
        store.create(CLOSURE.seal_path(1), bytes_there)
        outcome = perform(protocol.claim(CLOSURE, ALICE, PATIENCE), store, clock)
        assert outcome == AlreadyClosed(1, bytes_there)


def test_claims_beats_and_voids_meet_their_schemas() -> None:
    world = World()
    first = world.start(close(0))
    while not any(".beat." in path for path in world.objects):
        world.act(first)  # it claims and shows life, then stops; the next one takes over
    world.run_to_end(world.start(close(1)))
    ours = {
        path: data
        for path, data in world.objects.items()
        if path.startswith(CLOSURE.folder) and data not in seals(world)
    }
    kinds = {check_record(parse_canonical(data, p), p)["record"] for p, data in ours.items()}
    assert kinds == {"claim", "beat", "void", "closure_log"}


# --- the log -------------------------------------------------------------------------------------


def closed(number: int) -> closure_log.Closed:
    run_id = f"payments-{number:08d}"
    return closure_log.Closed(
        run_id, "sha256:" + "c" * 64, f"sha256:{number:064x}", f"runs/{run_id}/closure"
    )


def log_of(objects: dict[str, bytes]) -> list[bytes]:
    return [objects[path] for path in sorted(objects) if path.count("/") == 1]


def test_runs_stand_in_the_log_once_however_often_and_whoever_mends() -> None:
    store, clock = SimulatedStore(), OwnClock()
    for number in (*range(1, 21), 3, 20, 1):
        perform(closure_log.append(closed(number), LOG), store, clock)
    assert len(log_of(store.objects)) == 20
    assert closure_log.log_problems(log_of(store.objects)) == []
    assert perform(closure_log.log_length(), store, clock) == 20


@pytest.mark.parametrize("trouble", [trouble for trouble in Trouble if trouble is not Trouble.NONE])
def test_two_appenders_interleaved_with_trouble_at_every_act_leave_a_sound_log(
    trouble: Trouble,
) -> None:
    for same, nth in product((True, False), range(24)):
        for seed in range(12):
            choose = random.Random(seed)  # noqa: S311 - a reproducible history, no secret
            world = World()
            world.run_to_end(world.start(closure_log.append(closed(7), LOG)))
            for number in (1, 2):
                world.start(closure_log.append(closed(1 if same else number), LOG))
            acts = 0
            while world.alive():
                world.act(choose.choice(world.alive()), trouble if acts == nth else Trouble.NONE)
                acts += 1
            while world.under_way:
                world.deliver(0)
            for number in (1, 2):
                mended = closure_log.append(closed(1 if same else number), LOG)
                world.run_to_end(world.start(mended))
            assert isinstance(world.closers[-1].outcome, Logged)
            assert closure_log.log_problems(log_of(world.objects)) == [], world.trace
            assert len(log_of(world.objects)) == (2 if same else 3)


def test_a_log_that_was_cut_reordered_or_rewritten_is_named() -> None:
    store, clock = SimulatedStore(), OwnClock()
    for number in range(1, 5):
        perform(closure_log.append(closed(number), LOG), store, clock)
    log = log_of(store.objects)
    assert closure_log.log_problems(log) == []
    assert closure_log.log_problems(log[1:])
    assert closure_log.log_problems([log[0], log[2], log[1], log[3]])
    assert closure_log.log_problems([log[0], log[1].replace(b"2", b"9"), *log[2:]])
    again = closed(1).entry(closure_log.read_entry(log[3], 4).tree)
    assert closure_log.log_problems([*log, again])
