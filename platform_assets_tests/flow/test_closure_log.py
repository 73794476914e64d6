"""The log of closures: who appends when, what a crash leaves, and that damage is never continued."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.canonical import canonical_bytes, parse_canonical
from platform_assets.contracts.records import check_record
from platform_assets.errors import RecordInvalid, RecordNotCanonical
from platform_assets.flow.checkpoint import Checkpoint, open_checkpoint
from platform_assets.flow.closure_log import Damaged, Logged, append, log_problems
from platform_assets.flow.log_entries import Closed, Entry, checkpoint_path, log_path, read_entry
from platform_assets.flow.log_proofs import check_continuation, check_membership
from platform_assets.flow.merkle import Tree, verify_inclusion
from platform_assets.flow.steps import UNCLEAR, Read, Wait, answer, perform
from platform_assets_tests.simulators.log_key import log_in_memory
from platform_assets_tests.simulators.store import Fault, SimulatedCrash, SimulatedStore

if TYPE_CHECKING:
    from collections.abc import Callable

LOG = log_in_memory()
NEW_KEY = log_in_memory(2)


class Clock:
    """Waiting takes no time here."""

    def now(self) -> Any:
        raise AssertionError("the log asks for no time")

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        del seconds


def closed(number: int) -> Closed:
    run_id = f"payments-{number:08d}"
    return Closed(run_id, "sha256:" + "c" * 64, f"sha256:{number:064x}", f"runs/{run_id}/closure")


def entered(store: SimulatedStore, number: int, log: Any = LOG, after: int = 0) -> Any:
    return perform(append(closed(number), log, after=after), store, Clock())


def log_of(runs: int) -> SimulatedStore:
    store = SimulatedStore()
    for number in range(1, runs + 1):
        assert isinstance(entered(store, number, after=number - 1), Logged)
    return store


def entries(store: SimulatedStore) -> list[bytes]:
    paths = [path for path in store.list("log") if path.endswith(".json")]
    return [store.objects[path] for path in paths]


def entry(store: SimulatedStore, index: int) -> Entry:
    return read_entry(store.objects[log_path(index)], index)


# --- what stands there ---------------------------------------------------------------------------


def test_every_entry_has_a_checkpoint_that_its_own_frontier_proves_and_a_copy() -> None:
    store = log_of(40)
    for index in range(1, 41):
        each = entry(store, index)
        check_record(parse_canonical(each.data, "entry"), "entry")
        note = store.objects[checkpoint_path(index, LOG.key)]
        signed = open_checkpoint(note, [LOG.key], "it", alone=True)
        assert signed == Checkpoint(LOG.origin, index, each.tree.root)
        proof = each.before.proof_of_next()
        assert verify_inclusion(index - 1, index, each.leaf, proof, signed.root)
        assert store.objects[closed(index).copy_path] == each.data
    assert log_problems(entries(store)) == []
    assert len(store.list("log/checkpoints")) == 40


def test_a_key_that_was_changed_signs_what_comes_after_under_the_same_name() -> None:
    store = log_of(3)
    assert isinstance(entered(store, 4, NEW_KEY), Logged)
    note = store.objects[checkpoint_path(4, NEW_KEY.key)]
    assert open_checkpoint(note, [NEW_KEY.key], "it").root == entry(store, 4).tree.root
    assert checkpoint_path(4, LOG.key) not in store.objects
    assert log_problems(entries(store)) == []


def test_appending_reads_a_few_objects_however_long_the_log_is() -> None:
    reads = {}
    for runs in (100, 1000):
        store = log_of(runs)
        store.history.clear()
        entered(store, runs + 1, after=runs)
        reads[runs] = [path for act, path, _ in store.history if act == "read"]
        opened = {
            path for path in reads[runs] if path.startswith("log/0") and path in store.objects
        }
        assert log_path(runs) in opened
    assert len(reads[1000]) - len(reads[100]) <= 8  # halving and doubling, 10 times the log
    assert len(reads[1000]) < 40


# --- crashes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER])
@pytest.mark.parametrize("mender", ["the same run", "another run"])
def test_a_crash_at_any_act_is_mended_by_whoever_looks_next(fault: Fault, mender: str) -> None:
    for crashed_at in range(1, 100):
        store, acts = log_of(2), 0

        def troubled(act: str, path: str, at: int = crashed_at) -> Fault:
            nonlocal acts
            acts += 1
            return fault if acts == at else Fault.NONE

        store.faults = troubled
        try:
            entered(store, 3, after=2)
        except SimulatedCrash:
            store.faults = lambda _act, _path: Fault.NONE
            if mender == "another run":
                assert isinstance(entered(store, 4, after=2), Logged)
            assert isinstance(entered(store, 3, after=2), Logged)
            assert log_problems(entries(store)) == []
            assert len(entries(store)) == len(store.list("log/checkpoints"))
            assert store.objects[closed(3).copy_path] in entries(store)
        else:
            break
    assert 8 < crashed_at < 99  # every act had its crash, and then there was none left


def test_the_next_appender_signs_the_checkpoint_that_the_one_before_did_not_come_to() -> None:
    store = log_of(3)
    path = checkpoint_path(3, LOG.key)
    del store.objects[path], store.objects[closed(3).copy_path]
    entered(store, 4, after=3)
    assert store.objects[path] == LOG.checkpoint(entry(store, 3).tree)
    assert isinstance(entered(store, 3, after=2), Logged)
    assert len(entries(store)) == 4


def test_a_store_that_does_not_answer_leaves_the_outcome_unknown() -> None:
    for act in ("read", "create"):
        store = log_of(2)
        store.faults = lambda a, _path, act=act: Fault.LOST_REQUEST if a == act else Fault.NONE
        assert entered(store, 3, after=2) is UNCLEAR
        store.faults = lambda _act, _path: Fault.NONE
        assert isinstance(entered(store, 3, after=2), Logged)
        assert len(entries(store)) == 3


def test_two_appenders_in_every_order_of_acts_get_one_index_each() -> None:
    for order in product((0, 1), repeat=9):
        store = log_of(1)
        steps = [append(closed(2), LOG, after=1), append(closed(3), LOG, after=1)]
        replies: list[Any] = [None, None]
        outcomes: dict[int, Any] = {}
        for number in (*order, *[0] * 60, *[1] * 60):
            if number in outcomes:
                continue
            try:
                act = steps[number].send(replies[number])
            except StopIteration as stop:
                outcomes[number] = stop.value
                continue
            replies[number] = answered(act, store)
        assert sorted(found.index for found in outcomes.values()) == [2, 3]
        assert log_problems(entries(store)) == []
        assert len(store.list("log/checkpoints")) == 3


def answered(act: Any, store: SimulatedStore) -> Any:
    return 0.0 if isinstance(act, Wait) else answer(act, store, Clock())


def performed(steps: Any, act: Any, store: SimulatedStore) -> Any:
    """Do a procedure's acts from this one on and return its outcome."""
    while True:
        try:
            act = steps.send(answered(act, store))
        except StopIteration as stop:
            return stop.value


# --- damage is not continued ---------------------------------------------------------------------


def rewritten(store: SimulatedStore, index: int) -> None:
    """Another run stands at an index, in the right form."""
    store.objects[log_path(index)] = closed(99).entry(entry(store, index).before)


def removed(store: SimulatedStore, index: int) -> None:
    del store.objects[log_path(index)]


def garbled(store: SimulatedStore, index: int) -> None:
    store.objects[log_path(index)] = store.objects[log_path(index)].replace(
        b"payments", b"Payments"
    )


def shifted(store: SimulatedStore, index: int) -> None:
    store.objects[log_path(index)] = store.objects[log_path(index - 1)]


def signed_otherwise(store: SimulatedStore, index: int) -> None:
    store.objects[checkpoint_path(index, LOG.key)] = LOG.checkpoint(Tree(1, (bytes(32),)))


@pytest.mark.parametrize("damage", [rewritten, removed, garbled, shifted, signed_otherwise])
def test_nothing_is_appended_behind_a_last_entry_that_is_damaged(
    damage: Callable[[SimulatedStore, int], None],
) -> None:
    store = log_of(6)
    damage(store, 6)
    before = dict(store.objects)
    assert isinstance(entered(store, 7), Damaged)
    assert store.objects == before


def test_nothing_is_appended_to_a_log_that_is_shorter_than_the_evidence_says() -> None:
    store = log_of(3)
    found = entered(store, 4, after=5)
    assert found == Damaged("the log ends with entry 3; it had 5 before the run was closed")


def test_a_run_that_stands_there_with_other_evidence_is_damage_and_not_entered_again() -> None:
    store = log_of(3)
    other = Closed("payments-00000003", "sha256:" + "c" * 64, "sha256:" + "e" * 64, "elsewhere")
    found = perform(append(other, LOG), store, Clock())
    assert found == Damaged("entry 3 names payments-00000003 with other evidence")


def test_a_hole_among_the_entries_that_are_looked_through_is_damage() -> None:
    store = log_of(6)
    removed(store, 5)
    assert entered(store, 7) == Damaged("entry 5 is not there")


def test_an_entry_that_came_to_stand_over_another_log_ends_the_appending() -> None:
    """The last entry is sound; a forger creates the next one while this appender looks away."""
    store = log_of(3)
    steps = append(closed(4), LOG, after=3)
    act = next(steps)
    while not (isinstance(act, Read) and act.path == checkpoint_path(4, LOG.key)):
        act = steps.send(answered(act, store))
    store.objects[log_path(4)] = closed(99).entry(Tree(3, (bytes(32), bytes(32))))
    assert performed(steps, act, store) == Damaged(
        "entry 4 continues another log than the entries before it"
    )


# --- the whole log, and proofs from a few entries ------------------------------------------------


def test_every_flaw_of_a_log_is_named_and_not_the_first() -> None:
    store = log_of(5)
    sound = entries(store)
    assert log_problems(sound) == []
    assert log_problems(sound[1:])
    assert log_problems([sound[0], sound[2], sound[1], *sound[3:]])
    changed = [*sound]
    changed[1] = closed(99).entry(read_entry(sound[1], 2).before)
    assert [flaw.split()[1] for flaw in log_problems(changed)] == ["3", "4", "5"]
    twice = [*sound, closed(1).entry(read_entry(sound[4], 5).tree)]
    assert log_problems(twice) == ["entry 6 repeats payments-00000001 of entry 1"]


def test_an_entry_at_another_index_than_its_own_is_refused() -> None:
    data = entries(log_of(4))[2]
    assert read_entry(data).index == read_entry(data, 3).index == 3
    for index in (1, 2, 4, 5):
        with pytest.raises(RecordInvalid, match=f"expected entry {index}, found entry 3"):
            read_entry(data, index)


def test_an_entry_whose_tree_is_none_is_refused() -> None:
    record = parse_canonical(entries(log_of(4))[3], "entry")
    for change in (
        {"tree": {**record["tree"], "frontier": record["tree"]["frontier"][1:]}},
        {"tree": {**record["tree"], "root": "sha256:" + "0" * 64}},
        {"index": 5},
        {"index": 0},
        {"more": 1},
        {"record": "seal"},
    ):
        with pytest.raises((RecordInvalid, RecordNotCanonical)):
            read_entry(canonical_bytes({**record, **change}), 4)


def test_every_entry_is_proved_to_be_in_the_log_by_reading_a_few() -> None:
    store = log_of(45)
    for index in range(1, 46):
        store.history.clear()
        assert perform(check_membership(entry(store, index)), store, Clock()) is None
        assert len(store.history) < 35


def test_a_checkpoint_is_continued_by_the_log_unless_it_was_cut_or_rewritten() -> None:
    store = log_of(45)
    for size in range(46):
        root = entry(store, size).tree.root if size else Tree().root
        signed = Checkpoint(LOG.origin, size, root)
        assert perform(check_continuation(signed), store, Clock()) is None
        forged = Checkpoint(LOG.origin, size, bytes(32))
        found = perform(check_continuation(forged), store, Clock())
        assert isinstance(found, Damaged)
    later = Checkpoint(LOG.origin, 46, bytes(32))
    assert perform(check_continuation(later), store, Clock()) == Damaged(
        "the log was cut: it ends with entry 45, and had 46"
    )


def test_an_entry_that_was_exchanged_is_in_no_tree_of_the_log() -> None:
    for index in range(1, 20):
        store = log_of(20)
        rewritten(store, index)
        assert isinstance(perform(check_membership(entry(store, index)), store, Clock()), Damaged)
