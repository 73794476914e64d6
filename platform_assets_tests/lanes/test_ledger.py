"""What ledgers say of each event, and which ledgers are refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.canonical import canonical_bytes, digest_bytes, parse_canonical
from platform_assets.errors import RecordInvalid, RecordNotCanonical
from platform_assets.lanes.ledger import ProcessLedger, Sending, Stretch, acknowledged, doubtful
from platform_assets.lanes.schedule import Schedule
from platform_assets_tests.lanes.workloads import PREFIX, workload

SCHEDULE = Schedule(workload(phases=[{"name": "steady", "seconds": 1, "rate": 21}]))
FATES = st.sampled_from(["acknowledged", "ambiguous", "refused"])


def ledger(process: int, fates: list[str], processes: int = 2) -> ProcessLedger:
    """Return a ledger in which the first events of a process met these fates."""
    stretches: dict[str, list[Stretch]] = {"ambiguous": [], "refused": []}
    for place, fate in enumerate(fates):
        number = process + place * processes
        if fate != "acknowledged":
            stretches[fate].append(Stretch(number, number, "why"))
    count = fates.count("acknowledged")
    return ProcessLedger(
        prefix=PREFIX,
        process=process,
        processes=processes,
        events=len(SCHEDULE.numbers_of(process)),
        sent=len(fates),
        acknowledged=count,
        ambiguous=tuple(stretches["ambiguous"]),
        refused=tuple(stretches["refused"]),
        first_sent_us=0 if fates else None,
        last_sent_us=999_999 if fates else None,
        sendings=(Sending(process, len(fates), count, digest_bytes(b""), ""),) if fates else (),
    )


@given(st.lists(FATES, max_size=11), st.lists(FATES, max_size=10))
def test_masks_say_of_every_event_what_became_of_it(even: list[str], odd: list[str]) -> None:
    written = [ledger(0, even), ledger(1, odd)]
    read = [ProcessLedger.decoded(one.encoded(), "a ledger") for one in written]
    assert read == written
    fates = ["unsent"] * 21
    fates[0 : 2 * len(even) : 2] = even
    fates[1 : 1 + 2 * len(odd) : 2] = odd
    assert acknowledged(read, 21).tolist() == [fate == "acknowledged" for fate in fates]
    assert doubtful(read, 21).tolist() == [fate == "ambiguous" for fate in fates]


def test_a_stretch_is_of_the_events_of_its_process_alone() -> None:
    whole = replace(
        ledger(1, ["acknowledged"] * 10),
        acknowledged=6,
        ambiguous=(Stretch(3, 7, "the time ran out"),),
        refused=(Stretch(9, 9, "too large"),),
    )
    read = [ProcessLedger.decoded(whole.encoded(), "a ledger"), ledger(0, ["acknowledged"] * 11)]
    assert [n for n, doubt in enumerate(doubtful(read, 21)) if doubt] == [3, 5, 7]
    assert [n for n, stands in enumerate(acknowledged(read, 21)) if not stands] == [3, 5, 7, 9]


def test_of_a_process_without_a_ledger_everything_is_in_doubt() -> None:
    left = [ledger(1, ["acknowledged"] * 10)]
    assert doubtful(left, 21).tolist() == [number % 2 == 0 for number in range(21)]
    assert acknowledged(left, 21).tolist() == [number % 2 == 1 for number in range(21)]
    assert doubtful([], 21).all()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"acknowledged": 3}, "3 acknowledged"),
        ({"sent": 12}, "beyond what there is"),
        ({"process": 2}, "beyond what there is"),
        ({"ambiguous": [[1, 1, "why"]]}, "1 to 1, which it cannot have sent"),
        ({"ambiguous": [[8, 8, "why"]]}, "8 to 8, which it cannot have sent"),
        ({"ambiguous": [[4, 2, "why"]]}, "4 to 2, which is no stretch"),
        ({"refused": [[0, 0, "why"]], "ambiguous": [[0, 0, "why"]]}, "or names twice"),
        ({"refused": [[0, 0, ""]]}, "/refused/0/2"),
        ({"prefix": "another"}, "/prefix"),
        ({"record": "beat"}, "a valid beat record"),
        ({"more": 1}, "more"),
    ],
)
def test_a_ledger_that_contradicts_itself_is_refused(changed: dict[str, Any], said: str) -> None:
    values = parse_canonical(ledger(0, ["acknowledged"] * 4).encoded(), "a ledger")
    data = canonical_bytes(values | changed)
    with pytest.raises(RecordInvalid, match=said):
        ProcessLedger.decoded(data, "a ledger")


def test_a_ledger_that_was_edited_by_hand_is_refused() -> None:
    with pytest.raises(RecordNotCanonical):
        ProcessLedger.decoded(ledger(0, []).encoded() + b"\n", "a ledger")


@pytest.mark.parametrize(
    ("prefix", "schedule"),
    [
        ("ba9876543210", SCHEDULE),
        (PREFIX, Schedule(workload())),
        (PREFIX, Schedule(workload(processes=1, phases=[{"name": "p", "seconds": 1, "rate": 11}]))),
    ],
)
def test_a_ledger_of_another_lane_is_refused(prefix: str, schedule: Schedule) -> None:
    own = ledger(0, [])
    own.require_of(PREFIX, SCHEDULE)
    with pytest.raises(RecordInvalid, match="the load has"):
        own.require_of(prefix, schedule)
