"""I14: what the closure writes and what an export carries is searched, and old evidence stays good."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.canonical import canonical_bytes
from platform_assets.errors import ClosureRefused, SecretFound
from platform_assets.flow import requirements_of_secrets, secret_scan
from platform_assets.flow.signing import EVIDENCE
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, close, export_run, finish, next_run, verify_run
from platform_assets_tests.shop import append, make_shop, redeclare

if TYPE_CHECKING:
    from pathlib import Path

RUN = RunId("shop", 1)
NAME = "correct_horse_battery"
AWS = "AKIA" + "ABCDEFGHIJKLMNOP"


@pytest.fixture(scope="session")
def closed_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = make_shop(tmp_path_factory.mktemp("secrets") / "home", orders=10)
    (home / "platform.yaml").write_text("secrets: [SHOP_TOKEN]\n")
    _finish(home)
    return home


@pytest.fixture
def closed(closed_shop: Path, tmp_path: Path) -> Path:
    home = tmp_path / "home"
    shutil.copytree(closed_shop, home)
    return home


def test_i14_a_value_that_only_the_report_would_show_refuses_the_closure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = make_shop(tmp_path / "home", orders=10)
    (home / "platform.yaml").write_text("secrets: [SHOP_TOKEN]\n")
    append(home, "orders", 0, [{NAME: 1}])  # the report names the fields of a quarantined record
    monkeypatch.setenv("SHOP_TOKEN", NAME)
    with pytest.raises(ClosureRefused, match=r"NoSecretFound: .*report\.html holds a known") as no:
        _finish(home)
    assert NAME not in str(no.value)
    assert not list((home / "store").glob("runs/*/evidence/*/*"))
    monkeypatch.setenv("SHOP_TOKEN", "another, since the old one was rotated")
    assert close(Platform.open(home), RUN)["verdict"] == "CLOSED"


def test_i14_a_field_that_looks_like_a_key_is_masked_and_refuses_nothing(tmp_path: Path) -> None:
    home = make_shop(tmp_path / "home", orders=10)
    append(home, "orders", 0, [{AWS: 1, "known": 2}])
    _finish(home)
    (report,) = (home / "store").glob("runs/*/evidence/*/report.html")
    assert "known" in report.read_text()
    assert AWS not in report.read_text()
    assert verify_run(Platform.open(home), RUN).ok


def test_i14_the_evidence_itself_is_searched_before_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = make_shop(tmp_path / "home", orders=10)
    (home / "platform.yaml").write_text("secrets: [SHOP_TOKEN]\n")
    monkeypatch.setenv("SHOP_TOKEN", EVIDENCE)  # stands in the bundle alone
    with pytest.raises(ClosureRefused, match=r"NoSecretFound: .*bundle\.json holds a known"):
        _finish(home)
    assert not list((home / "store").glob("runs/*/evidence/*/bundle.json"))
    assert not list((home / "store").glob("runs/*/closure/*.seal.*"))


def test_i14_the_words_name_the_detector(closed: Path) -> None:
    result = verify_run(Platform.open(closed), RUN)
    assert result.ok
    assert result.facts["secrets"] == []
    words = _words(closed)
    assert f"records searched by {secret_scan.detector()}" in words


def test_i14_evidence_of_another_detector_verifies_and_what_is_found_now_is_told(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secret_scan, "version_of", lambda _: "99.0")
    monkeypatch.setitem(
        secret_scan._PATTERNS, "a form of later", secret_scan.re.compile("SHA-256|feed")
    )
    result = verify_run(Platform.open(closed), RUN)
    assert [f"{f.where}: {f.problem}" for f in result.findings] == []
    assert any(told.endswith("holds a form of later") for told in result.facts["secrets"])


def test_i14_evidence_of_the_same_detector_is_searched_again(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(secret_scan._PATTERNS, "a form", secret_scan.re.compile("feed"))
    result = verify_run(Platform.open(closed), RUN)
    assert {finding.where for finding in result.findings} == {"NoSecretFound"}


@pytest.mark.parametrize(
    ("words", "by"),
    [
        (
            "7 records searched by detect-secrets 1.5.0, own forms 1",
            "detect-secrets 1.5.0, own forms 1",
        ),
        ("7 records searched", None),
        ("7 records searched by someone", None),
    ],
)
def test_i14_the_detector_is_read_from_the_words(words: str, by: str | None) -> None:
    stated = [{"name": "NoSecretFound", "satisfied": True, "detail": words}]
    assert requirements_of_secrets.stated_detector(stated) == by
    assert requirements_of_secrets.stated_detector([]) is None


def test_i14_an_export_carries_no_value_that_became_known_since(
    closed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "small shop")  # stands in the feed's description
    with pytest.raises(SecretFound, match="configs/") as found:
        export_run(Platform.open(closed), RUN, tmp_path / "e.tar")
    assert "small shop" not in str(found.value)
    assert not (tmp_path / "e.tar").exists()
    monkeypatch.setenv("SHOP_TOKEN", "rotated, and in no record")
    export_run(Platform.open(closed), RUN, tmp_path / "e.tar", with_data=True)


def test_i14_a_form_in_a_name_refuses_before_anything_is_written(tmp_path: Path) -> None:
    home = make_shop(tmp_path / "home", orders=10)

    def change(feed: dict[str, Any]) -> None:
        feed["description"] = f"reads with {AWS}"

    redeclare(home, change)
    with pytest.raises(ClosureRefused, match="holds an AWS access key"):
        _finish(home)
    assert not list((home / "store").glob("runs/*/evidence/*/*"))


def _finish(home: Path) -> None:
    platform = Platform.open(home)
    run = next_run(platform, "shop")
    assert run is not None
    finish(platform, run)


def _words(home: Path) -> str:
    from platform_assets.pipeline.state import sealed_run  # noqa: PLC0415

    sealed = sealed_run(Platform.open(home), RUN)
    assert sealed is not None
    return canonical_bytes(sealed.bundle["requirements"]).decode()
