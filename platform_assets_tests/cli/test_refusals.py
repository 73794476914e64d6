"""How calls fail: four parts, the right exit code, one document, and never a trace."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from platform_assets.identifiers import RunId
from platform_assets_tests.attacks import Attacker
from platform_assets_tests.cli.calls import call, too_wide
from platform_assets_tests.cli.conftest import CLOSED, OPEN

if TYPE_CHECKING:
    from pathlib import Path

PARTS = ("error", "thing", "expected", "found", "remedy")

USAGE = [
    ("run",),
    ("run", "shop", "--bogus"),
    ("run", "shop", "another"),
    ("nonsense",),
    ("--bogus", "feeds"),
    ("read", "orders"),
    ("revoke", "orders", "--run", CLOSED),
    ("export", CLOSED),
    ("show",),
    ("init", "a", "b"),
]

MISTAKEN = [
    (("runs", "shpo"), "UnknownThing"),
    (("run", "shpo"), "UnknownThing"),
    (("pin", "shpo"), "UnknownThing"),
    (("show", "shop"), "InvalidName"),
    (("show", "../../etc-00000001"), "InvalidName"),
    (("show", "shop-00000009"), "UnknownThing"),
    (("show", "zoo-00000001"), "UnknownThing"),
    (("close", "shop-00000009"), "UnknownThing"),
    (("report", "shop-00000009"), "UnknownThing"),
    (("verify", "shop-00000009"), "UnknownThing"),
    (("verify", "no-such-file.tar"), "InvalidName"),
    (("verify", CLOSED, "--key", "no-such.pem"), "SettingsInvalid"),
    (("verify", CLOSED, "--key", __file__), "SettingsInvalid"),
    (("export", "shop-00000009", "--out", "e.tar"), "UnknownThing"),
    (("export", CLOSED, "--out", "e.tar.gz"), "ConfigurationError"),
    (("export", CLOSED, "--out", "missing/e.tar"), "ConfigurationError"),
    (("materialize", "ordres", "--run", OPEN), "UnknownThing"),
    (("certify", "ordres", "--run", OPEN), "UnknownThing"),
    (("read", "ordres", "--run", CLOSED), "UnknownThing"),
    (("read", "orders", "--run", "shop-00000009"), "UnknownThing"),
    (("read", "orders", "--run", "zoo-00000001"), "UnknownThing"),
    (("read", "orders", "--run", CLOSED, "--out", "orders.csv"), "ConfigurationError"),
    (("read", "orders", "--run", CLOSED, "--out", "parquet"), "ConfigurationError"),
    (("read", "orders", "--run", CLOSED, "--out", "missing/o.parquet"), "ConfigurationError"),
    (("revoke", "ordres", "--run", OPEN, "--reason", "r"), "UnknownThing"),
    (("revoke", "orders", "--run", OPEN, "--reason", " "), "ConfigurationError"),
]

REFUSED = [
    (("verify", OPEN), "RunOpen"),
    (("report", OPEN), "RunOpen"),
    (("export", OPEN, "--out", "e.tar"), "RunOpen"),
    (("close", OPEN), "ClosureRefused"),
    (("read", "refunds", "--run", OPEN), "CertificateFailed"),
    (("read", "turnover", "--run", OPEN), "ProductMissing"),
    (("certify", "turnover", "--run", OPEN), "ProductMissing"),
    (("materialize", "turnover", "--run", OPEN), "CertificateFailed"),
    (("materialize", "orders", "--run", CLOSED), "RunSealed"),
    (("certify", "orders", "--run", CLOSED), "RunSealed"),
    (("verify", __file__), "BundleUnreadable"),
]


def failed(code: int, error: str, *arguments: object) -> None:
    """Call a command that fails, with JSON and then as text, and hold both to the rules."""
    told = call(*arguments, "--json")
    assert told.code == code, told
    document = told.document
    assert told.err == ""
    assert document["error"] == error
    assert all(document[part] for part in PARTS)
    shown = call(*arguments)
    assert shown.code == code
    assert shown.out == ""
    assert "Traceback" not in shown.err
    assert shown.err.startswith(f"{error}: ")
    assert all(f"  {part}" in shown.err for part in ("expected", "found", "remedy"))
    assert too_wide(shown.err) == []


def _words(part: object) -> str:
    return part if isinstance(part, str) else " ".join(part)  # type: ignore[call-overload]


@pytest.mark.parametrize("arguments", USAGE, ids=" ".join)
def test_a_call_that_cannot_be_understood(arguments: tuple[str, ...]) -> None:
    failed(2, "Usage", *arguments)


@pytest.mark.parametrize(("arguments", "error"), MISTAKEN, ids=_words)
def test_a_call_that_names_what_there_is_not(
    failing: Path, arguments: tuple[str, ...], error: str
) -> None:
    failed(2, error, "--home", failing, *arguments)


@pytest.mark.parametrize(("arguments", "error"), REFUSED, ids=_words)
def test_a_call_that_is_refused(failing: Path, arguments: tuple[str, ...], error: str) -> None:
    failed(1, error, "--home", failing, *arguments)


def test_no_command_at_all_shows_the_help_and_is_no_success() -> None:
    shown = call()
    assert shown.code == 2
    assert "Usage" in shown.out + shown.err


def test_a_closure_tells_every_unmet_requirement_by_itself(failing: Path) -> None:
    findings = call("close", OPEN, "--home", failing, "--json").document["findings"]
    assert {finding.partition(":")[0] for finding in findings} >= {
        "EveryProductCertified",
        "EveryConsumerRecorded",
    }


# --- homes that cannot be used --------------------------------------------------------------------


def test_a_missing_home(tmp_path: Path) -> None:
    failed(2, "SettingsInvalid", "feeds", "--home", tmp_path / "nowhere")


def test_a_home_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    failed(2, "SettingsInvalid", "feeds", "--home", tmp_path / "file")


def test_a_folder_that_is_no_home(tmp_path: Path) -> None:
    failed(2, "SettingsInvalid", "feeds", "--home", tmp_path)


def test_settings_that_are_no_text(shop: Path) -> None:
    (shop / "platform.yaml").write_bytes(b"\xff\xfe")
    failed(2, "SettingsInvalid", "feeds", "--home", shop)


def test_a_declaration_with_mistakes(shop: Path) -> None:
    path = shop / "defs" / "shop" / "defs.yaml"
    path.write_text(path.read_text().replace("check: schema", "check: shcema"))
    failed(2, "DeclarationInvalid", "run", "shop", "--home", shop)


def test_init_into_a_folder_of_other_things(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    failed(2, "SettingsInvalid", "init", tmp_path)


# --- what is damaged or does not answer -----------------------------------------------------------


@pytest.mark.parametrize("data", [b"{", b"{}", b"", b"\xff"], ids=["cut", "bare", "empty", "noise"])
@pytest.mark.parametrize("record", ["anchors", "manifest", "receipt", "certificate", "seal"])
def test_a_damaged_record_is_a_refusal_of_whatever_needs_it(
    shop: Path, record: str, data: bytes
) -> None:
    attacker = Attacker(shop, RunId("shop", 1))
    run = shop / "store" / "runs" / CLOSED
    path = {
        "anchors": shop / "store" / "feeds" / "shop" / "00000001.json",
        "manifest": attacker.manifest(),
        "receipt": run / "admission" / "orders.json",
        "certificate": attacker.certificate(),
        "seal": run / "closure" / "0001.seal",
    }[record]
    path.unlink()
    path.write_bytes(data)
    for arguments in (("show", CLOSED), ("read", "orders", "--run", CLOSED), ("verify", CLOSED)):
        told = call(*arguments, "--home", shop, "--json")
        assert told.code in (0, 1), told
        assert "Traceback" not in told.err
        assert json.loads(told.out)
    assert told.code == 1


def test_a_missing_log_is_an_outage_and_not_an_empty_stream(shop: Path) -> None:
    shutil.rmtree(shop / "data")
    failed(3, "SourceUnreachable", "pin", "shop", "--home", shop)


def test_a_store_that_cannot_be_read(shop: Path) -> None:
    shutil.rmtree(shop / "store")
    (shop / "store").write_text("")
    failed(3, "DependencyUnreachable", "runs", "shop", "--home", shop)


def test_a_home_that_may_not_be_read(shop: Path, request: pytest.FixtureRequest) -> None:
    (shop / "platform.yaml").chmod(0)
    request.getfixturevalue("ordinary_user")
    failed(2, "SettingsInvalid", "feeds", "--home", shop)


def test_a_home_that_may_not_be_written(shop: Path, request: pytest.FixtureRequest) -> None:
    for path in [shop, *shop.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    request.getfixturevalue("ordinary_user")
    assert call("runs", "shop", "--home", shop, "--json").code == 0
    assert call("read", "orders", "--run", CLOSED, "--home", shop, "--json").code == 0
    told = call("run", "shop", "--home", shop, "--json")
    assert told.code in (2, 3)
    assert "Traceback" not in told.err
    assert told.document["remedy"]


def test_a_defect_of_ours_is_unknown_and_not_refused(
    failing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(*_: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("platform_assets.pipeline.run_summaries", defect)
    told = call("runs", "shop", "--home", failing, "--json")
    assert told.code == 3
    assert told.document["error"] == "UnknownOutcome"
    assert "ZeroDivisionError: a defect" in told.document["found"]
    assert "Traceback" in told.err
