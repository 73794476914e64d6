"""What `strict` means in a declaration, and that a run is closed only if it was kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.canonical import canonical_bytes
from platform_assets.contracts.records import check_record
from platform_assets.errors import DeclarationInvalid, RecordInvalid
from platform_assets.flow.requirements_of_proofs import every_product_certified, permit_of
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform
from platform_assets.pipeline.replay_evidence import stored_evidence
from platform_assets_tests.shop import make_shop, redeclare

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.flow.run_records import RunRecords

RUN = RunId("shop", 1)
PRODUCTS = ["cancellations", "orders", "refunds", "turnover"]  # as records sort them


def test_another_product_of_the_same_event_has_to_be_strict_too(tmp_path: Path) -> None:
    home = make_shop(tmp_path / "home")

    def change(feed: dict[str, Any]) -> None:
        feed["products"]["copies"] = {**feed["products"]["cancellations"]}
        feed["products"]["cancellations"]["strict"] = True

    redeclare(home, change)
    with pytest.raises(
        DeclarationInvalid, match="holds the rows of cancellations, which is strict"
    ):
        Platform.open(home)


def test_a_consumer_of_a_strict_product_has_to_be_strict_too(tmp_path: Path) -> None:
    home = make_shop(tmp_path / "home")
    redeclare(home, lambda feed: feed["products"]["orders"].update(strict=True))
    with pytest.raises(DeclarationInvalid, match="orders is strict; make what reads it strict too"):
        Platform.open(home)
    redeclare(home, lambda feed: feed["consumers"]["turnover"].update(strict=True))
    assert Platform.open(home).feed("shop").strict


@pytest.mark.parametrize("value", ["yes", 1, "true"])
def test_strict_is_true_or_false_and_nothing_like_it(tmp_path: Path, value: object) -> None:
    home = make_shop(tmp_path / "home")
    redeclare(home, lambda feed: feed["products"]["orders"].update(strict=value))
    with pytest.raises(DeclarationInvalid, match="strict"):
        Platform.open(home)


def _records(home: Path) -> RunRecords:
    return stored_evidence(Platform.open(home), RUN, None).records


def _found(records: RunRecords, declaration: RunRecords) -> list[str]:
    """Return what the closure's requirement says of strictness, as if of another declaration."""
    judged = replace(records)
    judged.__dict__["declaration"] = declaration.declaration
    problems, _ = every_product_certified(judged)
    return [problem for problem in problems if "strict" in problem]


def test_a_run_is_closed_only_if_what_is_strict_is_encrypted_and_nothing_else(
    strict_home: Path, clear_home: Path
) -> None:
    strict, clear = _records(strict_home), _records(clear_home)
    assert _found(strict, strict) == _found(clear, clear) == []
    assert _found(clear, strict) == [
        f"{product} is strict and not encrypted" for product in PRODUCTS
    ]
    assert _found(strict, clear) == [
        f"{product} is encrypted and not strict" for product in PRODUCTS
    ]


@pytest.mark.parametrize("kind", ["landing", "admission"])
def test_a_run_whose_landing_or_admission_is_in_the_clear_is_not_closed(
    strict_home: Path, clear_home: Path, kind: str
) -> None:
    strict, clear = _records(strict_home), _records(clear_home)
    path = f"runs/{RUN}/{kind}/orders.json"
    mixed = replace(strict, documents={**strict.documents, path: clear.documents[path]})
    found = _found(mixed, strict)
    assert len(found) == 3
    assert all(f"{kind}/orders/" in text and "is not encrypted" in text for text in found)


def _mutated(home: Path, kind: str, change: Any) -> dict[str, Any]:
    records = _records(home)
    if kind == "certificate":
        value = dict(permit_of(records, "orders").certificate)
    else:
        value = dict(permit_of(records, "orders").manifest)
    change(value)
    canonical_bytes(value)
    return value


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("certificate", lambda c: c.update(verdict="FAIL")),
        ("manifest", lambda m: m.pop("encryption")),
        ("manifest", lambda m: m["parts"][0].pop("plaintext")),
        ("manifest", lambda m: m["encryption"].update(scheme="none")),
    ],
    ids=["FAIL with a key", "plaintext unsaid", "part unsaid", "other scheme"],
)
def test_records_that_say_half_of_it_are_not_valid(
    strict_home: Path, kind: str, change: Any
) -> None:
    check_record(_mutated(strict_home, kind, lambda _: None), kind)
    with pytest.raises(RecordInvalid):
        check_record(_mutated(strict_home, kind, change), kind)
