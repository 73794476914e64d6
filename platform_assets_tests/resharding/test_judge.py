"""The judge sees each kind of wrong: a history that is right, spoilt in one place each."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets_tests.resharding.judge import Evidence, judge
from platform_assets_tests.resharding.traffic import Ledger, Place, Sent

if TYPE_CHECKING:
    from collections.abc import Callable

PARENTS = {"s0": (), "s1": ("s0",), "s2": ("s0",)}


def window(shard: str, start: int, end: int, *, ended: bool = False) -> dict[str, Any]:
    return {
        "partition": shard,
        "start": start,
        "end": end,
        "native_start": f"{shard}@{start}",
        "native_end": f"{shard}@{end}",
        "ended": ended,
    }


def right() -> tuple[Evidence, Ledger]:
    """Two keys; both begin in s0, which is split into s1 and s2 in its second window."""
    places = {
        Sent("a", 0): ("s0", 0),
        Sent("b", 0): ("s0", 1),
        Sent("a", 1): ("s0", 2),
        Sent("a", 2): ("s1", 0),
        Sent("a", 3): ("s1", 1),
        Sent("b", 1): ("s2", 0),
    }
    rows = [
        {
            "partition": shard,
            "native": f"{shard}{offset}/0",
            "key": sent.key.encode(),
            "value": sent.value(),
        }
        for sent, (shard, offset) in places.items()
    ]
    windows = {
        "run-1": [window("s0", 0, 2)],
        "run-2": [window("s0", 2, 3, ended=True)],
        "run-3": [window("s0", 3, 3, ended=True), window("s1", 0, 2), window("s2", 0, 1)],
    }
    receipts = {
        run: [
            {"partition": p["partition"], "delivered": p["end"] - p["start"], "gaps": []}
            for p in partitions
        ]
        for run, partitions in windows.items()
    }
    ledger = Ledger({sent: Place(s, f"{s}{offset}") for sent, (s, offset) in places.items()})
    return Evidence(windows, receipts, rows, list(places)), ledger


def verdict(found: Evidence, ledger: Ledger) -> list[str]:
    return judge(found, ledger, PARENTS)


def test_a_right_history_is_right() -> None:
    assert verdict(*right()) == []


def _lose(found: Evidence, ledger: Ledger) -> None:
    del found.rows[3], found.products[3]


def _double(found: Evidence, ledger: Ledger) -> None:
    found.rows.append(copy.deepcopy(found.rows[5]))
    found.products.append(found.products[5])


def _double_what_is_ambiguous(found: Evidence, ledger: Ledger) -> None:
    _double(found, ledger)
    ledger.ambiguous.add(Sent("b", 1))
    del ledger.acknowledged[Sent("b", 1)]


def _invent(found: Evidence, ledger: Ledger) -> None:
    del ledger.acknowledged[Sent("b", 1)]


def _swap(found: Evidence, ledger: Ledger) -> None:
    found.rows[3], found.rows[4] = found.rows[4], found.rows[3]


def _misplace(found: Evidence, ledger: Ledger) -> None:
    found.rows[2]["native"] = "s07/0"


def _skip(found: Evidence, ledger: Ledger) -> None:
    found.windows["run-2"][0] |= {"start": 3}


def _rename(found: Evidence, ledger: Ledger) -> None:
    found.windows["run-2"][0] |= {"native_start": "s0@17"}


def _deliver_less(found: Evidence, ledger: Ledger) -> None:
    found.receipts["run-3"][1] |= {"delivered": 1}


def _declare_a_gap(found: Evidence, ledger: Ledger) -> None:
    found.receipts["run-3"][1] |= {"gaps": [{"start": 1, "end": 2}]}


def _enter_early(found: Evidence, ledger: Ledger) -> None:
    found.windows["run-2"].append(window("s1", 0, 0))
    found.receipts["run-2"].append({"partition": "s1", "delivered": 0, "gaps": []})


def _never_enter(found: Evidence, ledger: Ledger) -> None:
    del found.windows["run-3"][2], found.receipts["run-3"][2]


def _go_on_after_the_end(found: Evidence, ledger: Ledger) -> None:
    found.windows["run-3"][0] |= {"end": 4}
    found.receipts["run-3"][0] |= {"delivered": 1}


def _drop_from_the_product(found: Evidence, ledger: Ledger) -> None:
    found.products.pop()


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (_skip, "1"),
        (_rename, "1"),
        (_deliver_less, "2"),
        (_declare_a_gap, "2"),
        (_lose, "3"),
        (_double, "3"),
        (_double_what_is_ambiguous, "3"),
        (_invent, "3"),
        (_misplace, "3"),
        (_swap, "4"),
        (_enter_early, "5"),
        (_never_enter, "2"),
        (_go_on_after_the_end, "5"),
        (_drop_from_the_product, "6"),
    ],
)
def test_a_spoilt_history_is_seen(spoil: Callable[[Evidence, Ledger], None], kind: str) -> None:
    found, ledger = right()
    spoil(found, ledger)
    assert kind in {finding[0] for finding in verdict(found, ledger)}


def test_an_ambiguous_record_may_be_there_or_not() -> None:
    found, ledger = right()
    ledger.ambiguous |= {Sent("b", 1), Sent("c", 0)}
    del ledger.acknowledged[Sent("b", 1)]
    assert verdict(found, ledger) == []
