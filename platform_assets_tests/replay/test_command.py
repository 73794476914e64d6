"""`platform-assets replay`: one verdict first, exit codes, and what it refuses."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from platform_assets_tests.cli.calls import call
from platform_assets_tests.replay.conftest import FIRST, SECOND

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_home_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PLATFORM_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))


def test_a_reproduced_run_is_told_in_one_line_first(two_runs: Path) -> None:
    done = call("replay", SECOND, "--home", two_runs)
    assert (done.code, done.err) == (0, "")
    first, second, *rest = done.out.splitlines()
    assert first == (f"{SECOND} is REPRODUCED: 10 parts, 113 rows compared, every SHA-256 the same")
    assert second == "  rebuilt from the anchors: every stream was read again"
    assert "  consume turnover: 1 part, 7 rows: same bytes" in rest
    assert "  certify turnover: same outcomes" in rest


def test_json_holds_what_was_compared_and_no_divergence(two_runs: Path) -> None:
    done = call("replay", SECOND, "--home", two_runs, "--from", "landing", "--json")
    answer = done.document
    assert done.code == 0
    assert answer["verdict"] == "REPRODUCED"
    assert (answer["from"], answer["reason"]) == (
        "landing",
        "what was landed stands with the evidence",
    )
    assert answer["divergence"] is None
    assert answer["parts"] == sum(each["parts"] for each in answer["compared"]) == 8


def test_a_divergence_exits_with_1_and_is_the_first_line(shop: Path) -> None:
    functions = shop / "shop_functions.py"
    functions.write_text(functions.read_text().replace(".sum().alias", ".max().alias"))
    done = call("replay", FIRST, "--home", shop)
    assert done.code == 1
    first = done.out.splitlines()[0]
    assert first.startswith(f"{FIRST} has DIVERGED: consume turnover, part runs/{FIRST}/products/")
    assert first.endswith("row 0, column ordered: another value")
    answer = call("replay", FIRST, "--home", shop, "--json").document
    assert answer["verdict"] == "DIVERGED"
    assert answer["divergence"]["step"] == "consume"
    assert answer["divergence"]["column"] == "ordered"


def test_an_unreachable_stream_exits_with_3_and_says_how_to_go_on(shop: Path) -> None:
    (shop / "data" / "shop").rename(shop / "data" / "away")
    done = call("replay", FIRST, "--home", shop, "--json")
    assert (done.code, done.document["error"]) == (3, "SourceUnreachable")
    assert "--from landing" in done.document["remedy"]
    assert call("replay", FIRST, "--home", shop, "--from", "landing").code == 0


@pytest.mark.parametrize("given", ["nothing-here", "shop-00000009", "no such file.tar"])
def test_what_is_no_run_and_no_bundle_exits_with_2(two_runs: Path, given: str) -> None:
    assert call("replay", given, "--home", two_runs).code == 2


def test_an_archive_is_replayed_beside_its_functions_alone(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "second.tar"
    assert call("export", SECOND, "--out", out, "--with-data", "--home", shop).code == 0
    key = next((shop / "keys" / "trusted").glob("*.pem"))
    shutil.copy(key, tmp_path / "signer.pem")
    (tmp_path / "code").mkdir()
    shutil.copy(shop / "shop_functions.py", tmp_path / "code")
    shutil.rmtree(shop)
    done = call("replay", out, "--home", tmp_path / "code")
    assert done.code == 0
    assert "name the one you trust with --key" in done.out
    done = call("replay", out, "--home", tmp_path / "code", "--key", tmp_path / "signer.pem")
    assert (done.code, "--key" in done.out) == (0, False)
    refused = call("replay", out, "--home", tmp_path / "elsewhere", "--json")
    assert (refused.code, refused.document["error"]) == (2, "DeclarationInvalid")
    assert refused.document["thing"] == "function shop_functions:turnover"
    changed = tmp_path / "changed.tar"
    data = bytearray(out.read_bytes())
    data[len(data) // 2] ^= 1
    changed.write_bytes(data)
    refused = call("replay", changed, "--home", tmp_path / "code", "--json")
    assert (refused.code, refused.document["error"]) == (1, "VerificationFailed")
    assert list((tmp_path / "temporary").iterdir()) == []
