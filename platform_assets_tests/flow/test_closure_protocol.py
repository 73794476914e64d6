"""I9: at most one seal per run, for ever, under any interleaving, crash, pause and lost response."""

from __future__ import annotations

import random
from itertools import product
from typing import TYPE_CHECKING

import pytest

from platform_assets.canonical import parse_canonical
from platform_assets.contracts.records import check_record
from platform_assets.flow import closure as protocol
from platform_assets.flow import closure_log, steps
from platform_assets.flow.closure import (
    AlreadyClosed,
    Closer,
    Held,
    Lost,
    Patience,
    Sealed,
    Unknown,
)
from platform_assets.flow.steps import perform
from platform_assets_tests.simulators.closers import (
    CLOSURE,
    PATIENCE,
    OwnClock,
    World,
    close,
    seal_of,
)
from platform_assets_tests.simulators.store import Fault, SimulatedStore

if TYPE_CHECKING:
    from collections.abc import Iterable

    from platform_assets.flow.steps import Steps

FIRST_DECISIONS = 12  # who acts next is tried in all ways for so many acts
FAULTS = [
    Fault.LOST_REQUEST,
    Fault.LOST_RESPONSE,
    Fault.LATE,
    Fault.RETRIED,
    Fault.FULL,
    Fault.CRASH_BEFORE,
    Fault.CRASH_AFTER,
]
ALICE = Closer("a" * 32, "alice", "2026-01-01T00:00:00.000000Z")
BOB = Closer("b" * 32, "bob", "2026-01-01T00:00:01.000000Z")


def random_history(seed: int) -> World:
    """Three to five closers, any order, one act in five disturbed, some paused for long."""
    choose = random.Random(seed)  # noqa: S311 - a reproducible history, no secret
    world = World()
    for _ in range(choose.randint(2, 4)):
        world.start()
    for _ in range(choose.randint(10, 120)):
        alive = [n for n, closer in enumerate(world.closers) if closer.alive]
        if not alive or (choose.random() < 0.01 and len(world.closers) < 5):
            alive.append(world.start())
        number = choose.choice(alive)
        burst = choose.choice([1, 1, 1, 2, 30])  # a long burst is a long pause of all others
        for _ in range(burst):
            fault = choose.choice([*FAULTS, Fault.UNREADABLE])
            world.act(number, fault if choose.random() < 0.2 else Fault.NONE)
        if choose.random() < 0.1:
            world.store.deliver_late()
    return world


def interleavings() -> Iterable[tuple[int, ...]]:
    return product((0, 1), repeat=FIRST_DECISIONS)


def run_interleaved(order: Iterable[int]) -> World:
    world = World()
    world.start()
    world.start()
    for number in order:
        world.act(number)
    return world


def test_i09_two_closers_interleaved_at_every_step_leave_one_seal() -> None:
    outcomes = set()
    for order in interleavings():
        world = run_interleaved(order)
        world.finish()
        assert world.problems_at_the_end() == [], world.trace
        outcomes |= {type(closer.outcome) for closer in world.closers[:2]}
    assert outcomes == {Sealed, AlreadyClosed, Lost}


@pytest.mark.parametrize("fault", FAULTS)
def test_i09_a_fault_at_every_act_of_a_closer_leaves_one_seal(fault: Fault) -> None:
    undisturbed = World()
    undisturbed.run_to_end(undisturbed.start())
    acts = undisturbed.closers[0].acts
    assert acts >= 8
    for nth in range(acts):
        for before_second in range(acts + 1):  # a second closer begins between any two acts
            world = World()
            world.start()
            world.start()
            for step in range(acts):
                if step == before_second:
                    for _ in range(40):
                        world.act(1)
                world.act(0, fault if step == nth else Fault.NONE)
            assert world.problems() == [], world.trace
            world.finish()
            assert world.problems_at_the_end() == [], world.trace


def test_i09_random_histories_of_crashes_pauses_and_lost_responses_leave_one_seal() -> None:
    seen = set()
    for seed in range(1_500):
        world = random_history(seed)
        assert world.problems() == [], (seed, world.trace)
        world.finish()
        assert world.problems_at_the_end() == [], (seed, world.trace)
        seen |= {type(closer.outcome) for closer in world.closers if closer.outcome is not None}
    assert seen == {Sealed, AlreadyClosed, Lost, Unknown}


def test_the_explorer_sees_a_takeover_that_skips_the_void(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_void(*given: object) -> Steps[int]:
        yield steps.Wait(0)
        epoch = given[1]
        assert isinstance(epoch, int)
        return epoch + 1

    monkeypatch.setattr(protocol, "_take_over", without_void)
    found = [problem for seed in range(300) for problem in ended(random_history(seed)).problems()]
    assert "2 seals" in found


def test_the_explorer_sees_a_closer_that_trusts_an_unknown_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def trusting(path: str, data: bytes) -> Steps[bytes]:
        yield steps.Create(path, data)
        return data

    monkeypatch.setattr(protocol, "settle", trusting)
    found = [problem for seed in range(50) for problem in ended(random_history(seed)).problems()]
    assert any("believes that it sealed" in problem for problem in found)


def ended(world: World) -> World:
    for number in range(len(world.closers)):
        world.run_to_end(number)
    return world


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
    world = World(program=lambda n: close(n, beats=20))
    world.start()
    world.start()
    while world.closers[0].alive:
        for _ in range(3):
            world.act(0)
        world.act(1)
    world.run_to_end(1)
    assert isinstance(world.closers[0].outcome, Sealed)
    stopped = World()
    stopped.start()
    for _ in range(4):
        stopped.act(0)
    stopped.run_to_end(stopped.start())
    assert stopped.closers[1].outcome == Sealed(2, seal_of(Held(2, f"{1:032x}")))
    assert stopped.closers[1].clock.seconds <= PATIENCE.ttl_seconds + PATIENCE.poll_seconds
    stopped.run_to_end(0)
    assert stopped.closers[0].outcome == Lost(1, f"{1:032x}")
    assert stopped.problems() == []


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


def test_a_seal_that_nobody_understands_never_reopens_a_run() -> None:
    other = CLOSURE.record("void", 2, "0" * 32, by="x")  # the VOID of another epoch
    for bytes_there in (b"", b"{}", b"\xff", other, other + b" "):
        store, clock = SimulatedStore(), OwnClock()
        store.create(CLOSURE.seal_path(1), bytes_there)
        outcome = perform(protocol.claim(CLOSURE, ALICE, PATIENCE), store, clock)
        assert outcome == AlreadyClosed(1, bytes_there)


def test_claims_beats_and_voids_meet_their_schemas() -> None:
    world = World(program=lambda n: close(n, beats=2))
    world.start()
    for _ in range(6):  # it claims and shows life, then stops; the next one takes over
        world.act(0)
    world.run_to_end(world.start())
    ours = {p: data for p, data in world.store.objects.items() if data not in world.seals()}
    kinds = {check_record(parse_canonical(data, p), p)["record"] for p, data in ours.items()}
    assert kinds == {"claim", "beat", "void", "closure_log"}


# --- the log -------------------------------------------------------------------------------------


def closed(number: int) -> closure_log.Closed:
    run_id = f"payments-{number:08d}"
    return closure_log.Closed(
        run_id, "sha256:" + "c" * 64, f"sha256:{number:064x}", f"runs/{run_id}/closure"
    )


def log_of(store: SimulatedStore) -> list[bytes]:
    return [store.objects[path] for path in store.list("log")]


def test_runs_stand_in_the_log_once_however_often_and_whoever_mends() -> None:
    store, clock = SimulatedStore(), OwnClock()
    for number in (*range(1, 21), 3, 20, 1):
        perform(closure_log.append(closed(number)), store, clock)
    assert len(log_of(store)) == 20
    assert closure_log.log_problems(log_of(store)) == []
    assert perform(closure_log.log_length(), store, clock) == 20


@pytest.mark.parametrize("fault", FAULTS)
def test_two_appenders_interleaved_with_a_fault_at_every_act_leave_a_sound_log(
    fault: Fault,
) -> None:
    for same, nth in product((True, False), range(14)):
        for seed in range(20):
            choose = random.Random(seed)  # noqa: S311 - a reproducible history, no secret
            world = World(program=lambda n, same=same: closure_log.append(closed(1 if same else n)))
            perform(closure_log.append(closed(7)), world.store, OwnClock())
            world.start()
            world.start()
            acts = 0
            while any(closer.alive for closer in world.closers):
                world.act(choose.randint(0, 1), fault if acts == nth else Fault.NONE)
                acts += 1
            world.store.deliver_late()
            for number in (0, 1):
                mended = closed(1 if same else number)
                perform(closure_log.append(mended), world.store, OwnClock())
            assert closure_log.log_problems(log_of(world.store)) == [], world.trace
            assert len(log_of(world.store)) == (2 if same else 3)


def test_a_log_that_was_cut_reordered_or_rewritten_is_named() -> None:
    store, clock = SimulatedStore(), OwnClock()
    for number in range(1, 5):
        perform(closure_log.append(closed(number)), store, clock)
    log = log_of(store)
    assert closure_log.log_problems(log) == []
    assert closure_log.log_problems(log[1:])
    assert closure_log.log_problems([log[0], log[2], log[1], log[3]])
    assert closure_log.log_problems([log[0], log[1].replace(b"2", b"9"), *log[2:]])
    assert closure_log.log_problems([*log, closed(1).entry(5, log[3])])
