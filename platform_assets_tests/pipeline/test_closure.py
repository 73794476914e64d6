"""Closing for real: refused with every reason, adopted by a second closer, mended where it broke."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.canonical import canonical_bytes
from platform_assets.errors import ClosureRefused, EvidenceInconsistent, GateRefusal
from platform_assets.flow.requirements import REQUIREMENT_NAMES
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, close, layout, open_product, verify_run
from platform_assets.settings import SETTINGS_FILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RUN = RunId("shop", 1)


def test_i10_a_second_closer_is_told_that_it_is_closed_and_the_same_digest(ready: Path) -> None:
    first = close(Platform.open(ready), RUN)
    second = close(Platform.open(ready), RUN)
    assert (first["already_closed"], second["already_closed"]) == (False, True)
    assert second["bundle_digest"] == first["bundle_digest"]


def test_i09_closers_at_the_same_moment_leave_one_seal_and_one_digest(ready: Path) -> None:
    answers: list[dict[str, Any]] = []

    def closer() -> None:
        answers.append(close(Platform.open(ready), RUN))

    threads = [threading.Thread(target=closer) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({answer["bundle_digest"] for answer in answers}) == 1
    assert sum(not answer["already_closed"] for answer in answers) == 1
    assert len(list((ready / "store/log").glob("0*.json"))) == 1


def _remove(path: Callable[[], str]) -> Callable[[Path], None]:
    return lambda store: (store / path()).unlink()


def _rewrite(path: str, change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def falsify(store: Path) -> None:
        record = json.loads((store / path).read_bytes())
        change(record)
        (store / path).unlink()
        (store / path).write_bytes(canonical_bytes(record))

    return falsify


def _truncate_part(store: Path) -> None:
    part = next(store.glob("runs/*/products/orders/0001/part-00000.parquet"))
    part.chmod(0o644)
    part.write_bytes(part.read_bytes()[:-1])


def _lose_landed_bytes(store: Path) -> None:
    next(store.glob("runs/*/landing/orders/*.parquet")).unlink()


FALSIFIED: dict[str, tuple[Callable[[Path], None], str]] = {
    "anchors of another window": (
        _rewrite(
            layout.anchors_path(RUN), lambda r: r["streams"][0]["partitions"][0].update(end=9)
        ),
        "LandingReconciles",
    ),
    "a predecessor where there is none": (
        _rewrite(layout.anchors_path(RUN), lambda r: r.update(predecessor="sha256:" + "0" * 64)),
        "ChainUnbroken",
    ),
    "a delivered record uncounted": (
        _rewrite(
            layout.landing_receipt_path(RUN, "orders"),
            lambda r: r["partitions"][0].update(delivered=49),
        ),
        "LandingReconciles",
    ),
    "landed bytes lost": (_lose_landed_bytes, "LandingReconciles"),
    "an admitted record invented": (
        _rewrite(
            layout.admission_receipt_path(RUN, "orders"),
            lambda r: r["partitions"][0].update(admitted=51),
        ),
        "AdmissionReconciles",
    ),
    "a certificate lost": (
        _remove(lambda: layout.certificate_path(RUN, "cancellations", 1, 1)),
        "EveryProductCertified",
    ),
    "a part truncated": (_truncate_part, "EveryProductCertified"),
    "a consumption unrecorded": (
        _remove(lambda: layout.consumption_path(RUN, "turnover", 1)),
        "EveryConsumerRecorded",
    ),
    "a consumption of another run": (
        _rewrite(
            layout.consumption_path(RUN, "turnover", 1),
            lambda r: r["inputs"][0].update(run_id="shop-00000009"),
        ),
        "OneRunScope",
    ),
    "a receipt of another configuration": (
        _rewrite(
            layout.landing_receipt_path(RUN, "orders"),
            lambda r: r.update(config_digest="sha256:" + "1" * 64),
        ),
        "OneConfigDigest",
    ),
}


@pytest.mark.parametrize("case", FALSIFIED)
def test_i10_a_falsified_requirement_refuses_the_closure_by_its_name(
    case: str, ready: Path
) -> None:
    falsify, requirement = FALSIFIED[case]
    falsify(ready / "store")
    with pytest.raises(ClosureRefused) as refused:
        close(Platform.open(ready), RUN)
    assert requirement in refused.value.found
    assert not list((ready / "store").glob("runs/*/evidence/*/bundle.json"))


def test_i14_a_known_secret_in_a_record_refuses_the_closure(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (ready / SETTINGS_FILE).open("a") as settings:
        settings.write("secrets: [SHOP_PASSWORD]\n")
    monkeypatch.setenv("SHOP_PASSWORD", "A small shop.")  # stands in the feed's description
    with pytest.raises(ClosureRefused, match="NoSecretFound") as refused:
        close(Platform.open(ready), RUN)
    assert "A small shop." not in str(refused.value)


def test_i10_all_failing_requirements_are_listed_at_once(ready: Path) -> None:
    for case in ("a certificate lost", "a consumption unrecorded", "an admitted record invented"):
        FALSIFIED[case][0](ready / "store")
    with pytest.raises(ClosureRefused) as refused:
        close(Platform.open(ready), RUN)
    named = {name for name in REQUIREMENT_NAMES if name in refused.value.found}
    assert named >= {"EveryProductCertified", "EveryConsumerRecorded", "AdmissionReconciles"}


def test_i10_a_refused_closure_can_be_closed_once_its_cause_is_mended(ready: Path) -> None:
    path = ready / "store" / layout.consumption_path(RUN, "turnover", 1)
    kept = path.read_bytes()
    path.unlink()
    with pytest.raises(ClosureRefused):
        close(Platform.open(ready), RUN)
    ended = ready / "store" / layout.closure_folder(RUN) / "0001.seal"
    assert json.loads(ended.read_bytes())["record"] == "void", "nobody has to wait for the TTL"
    path.write_bytes(kept)
    closed = close(Platform.open(ready), RUN)
    assert closed["epoch"] == 2, "the refused attempt gave its epoch up"
    assert verify_run(Platform.open(ready), RUN).ok


def test_i12_evidence_changed_in_the_store_reads_as_neither_open_nor_closed(
    closed_shop: Path,
) -> None:
    bundle = next((closed_shop / "store").glob("runs/*/evidence/*/bundle.json"))
    data = bundle.read_bytes()
    bundle.chmod(0o644)
    bundle.write_bytes(data.replace(b"a", b"b", 1))
    platform = Platform.open(closed_shop)
    for act in (lambda: open_product(platform, RUN, "orders"), lambda: close(platform, RUN)):
        with pytest.raises((EvidenceInconsistent, GateRefusal)):
            act()
