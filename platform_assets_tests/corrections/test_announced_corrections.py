"""The control topic names what a correction supersedes, and a wrong name is passed over."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from platform_assets.errors import NotAnnounced
from platform_assets.flow.announcements import CLOSED, announced
from platform_assets.pipeline import CertifiedProduct, ClosedRun, ReadyCursor, announce, wait_ready
from platform_assets_tests.corrections.mended_shop import ONE, THREE, TWO, correct, mend
from platform_assets_tests.pipeline.announcing import announcing, publish, published

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.identifiers import RunId


@pytest.fixture
def announcing_home(home: Path) -> Path:
    """Return a home whose two closed windows are announced and of which one is corrected."""
    announcing(home)
    platform = mend(home)
    announce(platform, "shop")
    correct(platform, ONE)
    return home


def test_announcements_of_a_correction_name_the_run_that_it_supersedes(
    announcing_home: Path,
) -> None:
    before = published(announcing_home)
    assert not any("supersedes" in event["data"] for event in before)
    announce(mend(announcing_home), "shop")
    new = published(announcing_home)[len(before) :]
    assert {event["subject"] for event in new} == {
        str(THREE),
        *(f"{THREE}/{name}" for name in ("orders", "cancellations", "refunds", "turnover")),
    }
    assert {event["data"]["supersedes"] for event in new} == {str(ONE)}


def test_who_waits_is_given_the_correction_after_the_run(announcing_home: Path) -> None:
    announce(mend(announcing_home), "shop")
    cursor = ReadyCursor()
    closed = [wait_ready(announcing_home, "shop", timeout=0, cursor=cursor) for _ in range(3)]
    assert [(each.run, getattr(each, "supersedes", "no run")) for each in closed] == [
        (ONE, None),
        (TWO, None),
        (THREE, ONE),
    ]
    product = wait_ready(announcing_home, "shop", "cancellations", THREE, timeout=0)
    assert isinstance(product, CertifiedProduct)
    assert product.rows == 2


@pytest.mark.parametrize("claimed", [None, TWO], ids=["none", "another"])
def test_a_wrong_relation_is_passed_over(announcing_home: Path, claimed: RunId | None) -> None:
    announce(mend(announcing_home), "shop")
    events = published(announcing_home)
    forged = []
    for event in events:
        fact = announced(event)
        assert not isinstance(fact, str)
        if fact.run == THREE:
            forged.append(replace(fact, supersedes=claimed).event())
    (announcing_home / "control" / "ready" / "0" / f"{0:020d}.ndjson").write_bytes(b"")
    publish(announcing_home, *forged)
    for product in (None, "orders"):
        with pytest.raises(NotAnnounced, match=f"that it supersedes {claimed} was announced"):
            wait_ready(announcing_home, "shop", product, THREE, timeout=0)
    assert any(event["type"] == CLOSED for event in forged)


def test_a_closed_run_that_corrects_none_says_so(announcing_home: Path) -> None:
    found = wait_ready(announcing_home, "shop", timeout=0)
    assert isinstance(found, ClosedRun)
    assert found.supersedes is None
