"""What is corrected, and what is refused: one chain of runs for each window, whoever comes at once."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets import errors
from platform_assets.adapters.local_store import LocalStore
from platform_assets.pipeline import Platform, pin, runs, supersede
from platform_assets.pipeline.corrections import corrections_of
from platform_assets_tests.corrections.mended_shop import (
    FOUR,
    ONE,
    REASON,
    THREE,
    TWO,
    correct,
    mend,
)
from platform_assets_tests.shop import append, order, redeclare

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_a_reason_is_needed(platform: Platform) -> None:
    with pytest.raises(errors.Usage, match="--reason TEXT"):
        supersede(platform, ONE, "  ")
    assert THREE not in runs(platform, "shop")


def test_an_open_run_is_mended_and_not_corrected(platform: Platform, home: Path) -> None:
    append(home, "orders", 0, [order(70)])
    assert pin(platform, "shop") == THREE
    with pytest.raises(errors.RunOpen, match="platform-assets run shop"):
        supersede(platform, THREE, REASON)


def test_a_run_is_corrected_once_and_its_correction_is_named(corrected: Platform) -> None:
    with pytest.raises(errors.RunSuperseded, match=f"--supersede {THREE}"):
        supersede(corrected, ONE, REASON)
    correct(corrected, THREE)
    with pytest.raises(errors.RunSuperseded, match=f"--supersede {FOUR}"):
        supersede(corrected, ONE, REASON)


def test_an_open_correction_is_the_answer_however_often_it_is_asked_for(platform: Platform) -> None:
    assert supersede(platform, ONE, REASON) == THREE
    assert supersede(platform, ONE, "another word for it") == THREE
    assert platform.anchors(THREE)["supersedes"]["reason"] == REASON


def test_who_comes_with_another_configuration_is_told_who_was_first(
    platform: Platform, home: Path
) -> None:
    supersede(platform, ONE, REASON)
    redeclare(home, lambda feed: feed["dedupe"].update(horizon_runs=1))
    with pytest.raises(errors.RunSuperseded, match=f"{THREE}, pinned at .*{REASON}"):
        supersede(Platform.open(home), ONE, REASON)


def without_changes(feed: dict[str, Any]) -> None:
    del feed["streams"]["changes"], feed["products"]["cancellations"], feed["products"]["refunds"]
    del feed["consumers"]


def with_returns(feed: dict[str, Any]) -> None:
    events = {"returned": {"contract": "shop/cancelled.json", "id": "id"}}
    feed["streams"]["returns"] = {"events": events}
    feed["products"]["returns"] = {
        "event": "returned",
        "sort": ["id"],
        "checks": [{"check": "schema"}],
    }


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (without_changes, r"expected the streams.*changes \(file_log\).*declared now: orders"),
        (with_returns, r"declared now:.*returns \(file_log\)"),
        (
            lambda feed: feed.update(source={"kind": "kafka", "bootstrap": ["127.0.0.1:1"]}),
            r"declared now: changes \(kafka\), orders \(kafka\)",
        ),
    ],
)
def test_other_streams_than_the_run_has_read_are_refused(
    platform: Platform, home: Path, change: Callable[[dict[str, Any]], object], says: str
) -> None:
    redeclare(home, change)
    other = Platform.open(home)
    with pytest.raises(errors.SourceChanged) as refusal:
        supersede(other, ONE, REASON)
    assert re.search(says, f"expected {refusal.value.expected} found {refusal.value.found}")
    assert THREE not in runs(platform, "shop")


def test_all_who_correct_a_run_at_once_get_the_same_run(home: Path) -> None:
    platforms = [mend(home) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda each: supersede(each, ONE, REASON), platforms))
    assert set(found) == {THREE}
    assert runs(platforms[0], "shop") == [ONE, TWO, THREE]


class Raced(LocalStore):
    """Lets somebody else act just before the first anchors are created through it."""

    def __init__(self, root: Path, act: Callable[[], object]) -> None:
        super().__init__(root)
        self._act: Callable[[], object] | None = act

    def create(self, path: str, data: bytes) -> None:
        act, self._act = self._act, self._act if not path.startswith("feeds/") else None
        if act is not None and self._act is None:
            act()
        super().create(path, data)


def raced(home: Path, act: Callable[[], object]) -> Platform:
    return Platform.open(home, store=Raced(home / "store", act))


def test_a_window_that_comes_in_between_moves_the_correction_behind_it(
    platform: Platform, home: Path
) -> None:
    append(home, "orders", 0, [order(70)])
    assert supersede(raced(home, lambda: pin(platform, "shop")), ONE, REASON) == FOUR
    assert "supersedes" not in platform.anchors(THREE)
    assert platform.anchors(FOUR)["supersedes"]["run_id"] == str(ONE)
    assert corrections_of(platform, "shop").chains() == [[ONE, FOUR], [TWO], [THREE]]


def test_a_correction_that_comes_in_between_is_the_answer(platform: Platform, home: Path) -> None:
    first = raced(home, lambda: supersede(platform, ONE, "was first"))
    assert supersede(first, ONE, REASON) == THREE
    assert platform.anchors(THREE)["supersedes"]["reason"] == "was first"
    second = raced(home, lambda: supersede(platform, TWO, "of another run"))
    assert supersede(second, TWO, REASON) == FOUR


def test_a_window_that_was_planned_before_a_correction_comes_after_it(
    platform: Platform, home: Path
) -> None:
    """Who pins gets the run that took the place in the log, and the window with the next call."""
    append(home, "orders", 0, [order(70)])
    assert pin(raced(home, lambda: supersede(platform, ONE, REASON)), "shop") == THREE
    assert platform.anchors(THREE)["supersedes"]["run_id"] == str(ONE)
    assert pin(platform, "shop") == FOUR
    assert platform.anchors(FOUR)["last_correction"] == THREE.sequence
