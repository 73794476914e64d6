from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from platform_assets.adapters.kafka.batch_headers import Aborted, Piece
from platform_assets.adapters.kafka.gaps import classify, holes_between
from platform_assets.errors import GapUnproven
from platform_assets.ports.streams import Gap, GapKind
from platform_assets_tests.adapters.kafka.gap_model import Log, holes_of, logs, windows

any_log = settings(max_examples=100, deadline=None)
# Some properties are about logs that not every drawn one is.
some = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.filter_too_much]
)


def gaps_of(
    log: Log,
    window: tuple[int, int],
    policy: str = "delete",
    *,
    lost: frozenset[int] = frozenset(),
    extra: frozenset[int] = frozenset(),
    per_piece: int = 2,
) -> list[Gap]:
    delivered = sorted((set(log.delivered(window)) - lost) | extra)
    holes = holes_of(window, delivered)
    found = classify(
        "events/0", "0", window, holes=holes, policy=policy, scan=log.scanner(per_piece)
    )
    covered = [offset for gap in found for offset in range(gap.start, gap.end)]
    assert covered == [offset for hole in holes for offset in range(*hole)]
    assert all(gap.proof and gap.partition == "0" for gap in found)
    return found


def kinds(gaps: list[Gap]) -> dict[int, GapKind]:
    return {offset: gap.kind for gap in gaps for offset in range(gap.start, gap.end)}


# --- every log, every window -----------------------------------------------------------------------


@any_log
@given(st.data(), st.integers(1, 4))
def test_every_hole_of_a_log_that_is_not_compacted_is_explained_by_its_reason(
    data: st.DataObject, per_piece: int
) -> None:
    log = data.draw(logs(compacted=False))
    window = data.draw(windows(log))

    assert kinds(gaps_of(log, window, per_piece=per_piece)) == log.reasons(window)


@any_log
@given(st.data(), st.integers(1, 4), st.sampled_from(["compact", "compact,delete"]))
def test_every_hole_of_a_compacted_log_is_explained_by_its_reason(
    data: st.DataObject, per_piece: int, policy: str
) -> None:
    log = data.draw(logs(compacted=True))
    window = data.draw(windows(log))

    assert kinds(gaps_of(log, window, policy, per_piece=per_piece)) == log.reasons(window)


@any_log
@given(st.data())
def test_compaction_after_the_records_were_delivered_explains_nothing_more_and_refuses_nothing(
    data: st.DataObject,
) -> None:
    log = data.draw(logs(compacted=True))
    window = data.draw(windows(log))
    before = log.delivered(window)
    log.compact(data.draw(st.integers(0, log.end)), lambda n: [False] * n, data.draw(st.booleans()))
    holes = holes_of(window, before)

    found = classify("t", "0", window, holes=holes, policy="compact", scan=log.scanner(2))

    assert [(gap.start, gap.end) for gap in found if gap.start >= gap.end] == []
    assert sum(gap.end - gap.start for gap in found) == sum(b - a for a, b in holes)


@some
@given(st.data(), st.booleans())
def test_a_record_that_was_not_delivered_is_never_explained(
    data: st.DataObject, compacted: bool
) -> None:
    log = data.draw(logs(compacted=compacted))
    window = data.draw(windows(log))
    whole = [
        stored for stored in log.batches if window[0] <= stored.base and stored.last < window[1]
    ]
    losable = sorted(
        set(log.delivered(window)) & {offset for stored in whole for offset in stored.left}
    )
    assume(losable)
    lost = data.draw(st.sets(st.sampled_from(losable), min_size=1, max_size=4))

    with pytest.raises(GapUnproven) as refused:
        gaps_of(log, window, "compact", lost=frozenset(lost))
    assert refused.value.findings


@some
@given(st.data())
def test_nothing_is_explained_by_compaction_where_the_policy_does_not_compact(
    data: st.DataObject,
) -> None:
    log = data.draw(logs(compacted=True))
    window = data.draw(windows(log))
    assume(GapKind.COMPACTED in log.reasons(window).values())

    with pytest.raises(GapUnproven, match="does not compact"):
        gaps_of(log, window, "delete")


@any_log
@given(st.data())
def test_a_record_of_an_aborted_transaction_or_a_marker_that_was_delivered_is_refused(
    data: st.DataObject,
) -> None:
    log = data.draw(logs(compacted=False, aborts=True))
    window = (0, log.end)
    never = log.reasons(window)
    # Only what stands beside a hole is looked at; a batch of one offset would leave none.
    batches = {
        offset: stored for stored in log.batches for offset in range(stored.base, stored.last + 1)
    }
    wrong = sorted(
        offset
        for offset in never
        if any(
            other in never and other != offset
            for other in range(batches[offset].base, batches[offset].last + 1)
        )
    )

    with pytest.raises(GapUnproven, match="records were delivered of"):
        gaps_of(log, window, extra=frozenset([data.draw(st.sampled_from(wrong))]))


@any_log
@given(st.data())
def test_aborted_batches_prove_nothing_if_the_broker_does_not_list_their_transaction(
    data: st.DataObject,
) -> None:
    log = data.draw(logs(compacted=False, aborts=True))
    window = (0, log.end)
    scan = log.scanner(3)
    holes = holes_of(window, log.delivered(window))

    with pytest.raises(GapUnproven, match="were not delivered"):
        classify(
            "t",
            "0",
            window,
            holes=holes,
            policy="compact",
            scan=lambda a, b: (Piece(piece.batches, frozenset()) for piece in scan(a, b)),
        )


# --- single cases ----------------------------------------------------------------------------------


def test_transactions_that_begin_before_and_end_behind_the_window_are_proven() -> None:
    log = Log()
    log.append(5, 1)
    log.append(5)
    log.append(5, 1)
    log.finish(1, "abort")

    found = gaps_of(log, (2, 13))

    assert [(gap.start, gap.end, gap.kind) for gap in found] == [
        (2, 5, GapKind.ABORTED),
        (10, 13, GapKind.ABORTED),
    ]
    assert "producer 1 from 0 on" in found[0].proof
    assert "beyond" in found[1].proof


def test_a_committed_transaction_of_a_producer_that_aborted_others_is_no_gap() -> None:
    log = Log()
    for outcome in ("abort", "commit", "abort"):
        log.append(2, 7)
        log.append(1)
        log.finish(7, outcome)

    assert kinds(gaps_of(log, (0, log.end))) == {
        0: GapKind.ABORTED,
        1: GapKind.ABORTED,
        3: GapKind.TRANSACTION_CONTROL,
        7: GapKind.TRANSACTION_CONTROL,
        8: GapKind.ABORTED,
        9: GapKind.ABORTED,
        11: GapKind.TRANSACTION_CONTROL,
    }


def test_the_proofs_name_producer_marker_batch_and_policy() -> None:
    log = Log()
    log.append(3, 9)
    log.finish(9, "abort")
    log.append(4)
    log.append(2)
    log.append(1)
    log.compact(8, lambda n: [True] + [False] * (n - 1), keep_headers=False)
    log.batches[0].left = [0, 1, 2]
    log.batches[1].left = [3]
    log.batches[0].gone = log.batches[1].gone = False
    log.batches[3].gone = True

    aborted, marker, thinned, none = gaps_of(log, (0, log.end), "compact", lost=frozenset([8, 9]))

    assert "producer 9 from 0 on as aborted; its abort marker is at 3" in aborted.proof
    assert "abort marker of producer 9 (epoch 0): control batch 3" in marker.proof
    assert thinned.proof == "cleanup.policy compact; batch 4-7 has 1 records at 4 offsets"
    assert none.proof == "cleanup.policy compact; no batch from 8 to 9"


def test_no_batch_at_the_start_and_at_the_end_of_a_window_is_compaction_by_policy_only() -> None:
    log = Log()
    for _ in range(3):
        log.append(4)
    log.batches[0].gone = log.batches[2].gone = True
    lost = frozenset([*range(4), *range(8, 12)])

    assert [(gap.start, gap.end) for gap in gaps_of(log, (1, 11), "compact", lost=lost)] == [
        (1, 4),
        (8, 11),
    ]
    with pytest.raises(GapUnproven) as refused:
        gaps_of(log, (1, 11), "delete", lost=lost)
    assert len(refused.value.findings) == 2


def test_a_commit_of_a_transaction_that_the_broker_lists_as_aborted_is_refused() -> None:
    log = Log()
    log.append(3, 1)
    log.finish(1, "commit")
    scan = log.scanner(5)
    contradicting = frozenset([Aborted(1, 0)])

    with pytest.raises(GapUnproven, match="listed as aborted by the broker, and committed at 3"):
        classify(
            "t",
            "0",
            (0, 4),
            holes=[(0, 4)],
            policy="delete",
            scan=lambda a, b: (Piece(piece.batches, contradicting) for piece in scan(a, b)),
        )


def test_a_marker_that_was_delivered_between_holes_is_refused() -> None:
    log = Log()
    for producer in (1, 2, 3):
        log.append(2, producer)
        log.finish(producer, "commit")

    with pytest.raises(GapUnproven, match=r"delivered of a control batch \(commit\) at 5"):
        gaps_of(log, (0, log.end), extra=frozenset([5]))


def test_a_batch_without_a_transaction_is_not_aborted_with_that_of_its_producer() -> None:
    log = Log()
    log.append(2, 1)
    log.append(2)
    log.batches[-1].producer = 1
    log.finish(1, "abort")

    with pytest.raises(GapUnproven, match="batch 2-3 has 2 records") as refused:
        gaps_of(log, (0, log.end), lost=frozenset([2, 3]))
    assert len(refused.value.findings) == 1


def test_of_two_aborted_transactions_without_a_marker_between_each_explains_its_own() -> None:
    log = Log()
    for _ in range(2):
        log.append(2, 1)
        log.finish(1, "abort")
    log.batches[1].gone = True

    first, between, second, _ = gaps_of(log, (0, log.end), "compact")

    assert "from 0 on as aborted; its marker was compacted away" in first.proof
    assert between.kind is GapKind.COMPACTED
    assert "from 3 on as aborted; its abort marker is at 5" in second.proof


def test_batches_that_overlap_explain_no_offset_twice() -> None:
    log = Log()
    log.append(3, 1)
    log.append(3, 1)
    log.finish(1, "abort")
    overlapping = [log.batches[0].header(), log.batches[1].header()._replace(base=1)]

    found = classify(
        "t",
        "0",
        (0, 6),
        holes=[(0, 6)],
        policy="delete",
        scan=lambda *_: iter([Piece(overlapping, frozenset([Aborted(1, 0)]))]),
    )

    assert [(gap.start, gap.end, gap.kind) for gap in found] == [(0, 6, GapKind.ABORTED)]


def test_only_the_neighbourhood_of_holes_is_looked_at() -> None:
    log = Log()
    for producer in (1, 2):
        log.append(1, producer)
        log.finish(producer, "commit")
        for _ in range(500):
            log.append(10)
    asked = []

    def scan(start: int, end: int) -> object:
        asked.append((start, end))
        return log.scanner(3)(start, end)

    holes = holes_of((0, log.end), log.delivered((0, log.end)))
    classify("t", "0", (0, log.end), holes=holes, policy="delete", scan=scan)

    assert asked == [(1, 2), (5003, 5004)]
    del asked[:]
    for start in (2, 700, 1500):  # near each other
        holes.append((start, start + 1))
    with pytest.raises(GapUnproven):
        classify("t", "0", (0, log.end), holes=sorted(holes), policy="delete", scan=scan)
    assert asked == [(1, 1501), (5003, 5004)]


def test_an_error_lists_the_findings_and_says_how_many_there_are_more() -> None:
    log = Log()
    for _ in range(40):
        log.append(3)
    lost = frozenset(range(1, 120, 3))

    with pytest.raises(GapUnproven) as refused:
        gaps_of(log, (0, log.end), lost=lost)

    assert len(refused.value.findings) == 11
    assert refused.value.findings[0] == (
        "offset 1: batch 0-2 has 3 records at 3 offsets, 1 of those in the window were not delivered"
    )
    assert refused.value.findings[-1] == "and 30 more"


def test_holes_are_what_is_left_between_the_delivered_ranges() -> None:
    assert holes_between((3, 10), [(3, 5), (7, 10)]) == [(5, 7)]
    assert holes_between((3, 10), []) == [(3, 10)]
    assert holes_between((3, 3), []) == []
    assert holes_between((0, 5), [(1, 2), (2, 4)]) == [(0, 1), (4, 5)]
