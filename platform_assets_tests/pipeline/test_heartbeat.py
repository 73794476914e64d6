"""A closer that works for long shows life, and stops when its claim is lost."""

from __future__ import annotations

import threading

from platform_assets.errors import InvalidName
from platform_assets.flow import closure as protocol
from platform_assets.flow.closure import Closer, Held, Lost, Patience
from platform_assets.flow.steps import perform
from platform_assets.pipeline.heartbeat import Heartbeat
from platform_assets.ports.clock import SystemClock
from platform_assets_tests.simulators.closers import CLOSURE
from platform_assets_tests.simulators.store import Fault, SimulatedStore

ALICE = Closer("a" * 32, "alice", "2026-01-01T00:00:00.000000Z")
BOB = Closer("b" * 32, "bob", "2026-01-01T00:00:00.000000Z")
HURRIED = Patience(0, 0, 1)
TTL = 0.03


class WatchedStore(SimulatedStore):
    """Lets a test wait for writes instead of for time."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Condition()

    def create(self, path: str, data: bytes) -> None:
        try:
            super().create(path, data)
        finally:
            with self.written:
                self.written.notify_all()

    def wait_for(self, path: str) -> None:
        with self.written:
            assert self.written.wait_for(lambda: path in self.objects, timeout=30)


def held_claim(store: SimulatedStore) -> Held:
    held = perform(protocol.claim(CLOSURE, ALICE, HURRIED), store, SystemClock())
    assert isinstance(held, Held)
    return held


def test_beats_are_written_in_order_while_the_work_goes_on_and_end_with_it() -> None:
    store = WatchedStore()
    held = held_claim(store)
    with Heartbeat(store, SystemClock(), CLOSURE, held, ttl_seconds=TTL):
        store.wait_for(CLOSURE.beat_path(1, 3))
    beats = [path for path in store.objects if ".beat." in path]
    assert beats == [CLOSURE.beat_path(1, n) for n in range(1, len(beats) + 1)]


def test_a_lost_claim_ends_the_beating_and_is_told() -> None:
    store = WatchedStore()
    held = held_claim(store)
    with Heartbeat(store, SystemClock(), CLOSURE, held, ttl_seconds=TTL) as heart:
        store.wait_for(CLOSURE.beat_path(1, 1))
        void = CLOSURE.record("void", 1, ALICE.nonce, by=BOB.nonce)
        store.create(CLOSURE.seal_path(1), void)
        heart._thread.join(timeout=30)
        assert not heart._thread.is_alive()
        assert heart.outcome == Lost(1, BOB.nonce)


def test_a_beat_whose_response_was_lost_leaves_no_hole_in_the_numbers() -> None:
    store = WatchedStore()
    held = held_claim(store)
    lost = [Fault.LOST_REQUEST, Fault.LOST_RESPONSE]
    store.faults = lambda act, _path: lost.pop() if act == "create" and lost else Fault.NONE
    with Heartbeat(store, SystemClock(), CLOSURE, held, ttl_seconds=TTL):
        store.wait_for(CLOSURE.beat_path(1, 2))
    assert CLOSURE.beat_path(1, 1) in store.objects


class DenyingStore(WatchedStore):
    """Refuses the first creates in a way that is neither an unknown outcome nor a taken path."""

    denied = 2

    def create(self, path: str, data: bytes) -> None:
        if ".beat." in path and self.denied:
            self.denied -= 1
            raise InvalidName(path, expected="a permission", found="none", remedy="Grant it.")
        super().create(path, data)


def test_a_beat_that_is_refused_is_tried_again_and_ends_nothing() -> None:
    store = DenyingStore()
    held = held_claim(store)
    with Heartbeat(store, SystemClock(), CLOSURE, held, ttl_seconds=TTL) as heart:
        store.wait_for(CLOSURE.beat_path(1, 2))
    assert store.denied == 0
    assert isinstance(heart.outcome, Held)
