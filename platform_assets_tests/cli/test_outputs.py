"""What commands write for their user: whole or not at all, and never into the store."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from platform_assets.identifiers import RunId
from platform_assets_tests.attacks import Attacker
from platform_assets_tests.cli.calls import call
from platform_assets_tests.cli.conftest import CLOSED

READ = ("read", "orders", "--run", CLOSED)


def test_a_product_is_written_as_parquet_and_as_lines(failing: Path, tmp_path: Path) -> None:
    for name in ("orders.parquet", "orders.ndjson"):
        told = call(*READ, "--out", tmp_path / name, "--home", failing, "--json")
        assert told.document["out"] == str(tmp_path / name)
        assert told.document["rows"] == 20
    rows = [json.loads(line) for line in (tmp_path / "orders.ndjson").read_text().splitlines()]
    frame = pl.read_parquet(tmp_path / "orders.parquet")
    assert [row["order_id"] for row in rows] == frame["order_id"].to_list()
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["orders.ndjson", "orders.parquet"]


def test_an_output_replaces_what_stood_there_as_a_whole(failing: Path, tmp_path: Path) -> None:
    target = tmp_path / "orders.parquet"
    target.write_bytes(b"older")
    held = target.open("rb")
    assert call(*READ, "--out", target, "--home", failing).code == 0
    assert held.read() == b"older"
    assert pl.read_parquet(target).height == 20


def test_a_refused_read_leaves_what_stood_at_the_output(shop: Path, tmp_path: Path) -> None:
    target = tmp_path / "orders.parquet"
    target.write_bytes(b"older")
    part = Attacker(shop, RunId("shop", 1)).part()
    part.chmod(0o644)
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    assert call(*READ, "--out", target, "--home", shop).code == 1
    assert target.read_bytes() == b"older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "orders.parquet"]


def test_an_output_that_is_a_folder_is_refused(failing: Path, tmp_path: Path) -> None:
    (tmp_path / "o.parquet").mkdir()
    assert call(*READ, "--out", tmp_path / "o.parquet", "--home", failing).code == 2


@pytest.mark.parametrize("command", ["read", "export"])
@pytest.mark.parametrize("way", ["straight", "dots", "link"])
def test_nothing_is_written_into_the_store(
    shop: Path, tmp_path: Path, way: str, command: str
) -> None:
    (tmp_path / "elsewhere").symlink_to(shop / "store")
    folder = {
        "straight": shop / "store" / "runs",
        "dots": shop / "data" / ".." / "store" / "configs",
        "link": tmp_path / "elsewhere" / "feeds",
    }[way]
    before = sorted(shop.rglob("*"))
    call_of = {
        "read": (*READ, "--out", folder / "o.parquet"),
        "export": ("export", CLOSED, "--out", folder / "e.tar"),
    }
    told = call(*call_of[command], "--home", shop, "--json")
    assert (told.code, told.document["error"]) == (2, "ConfigurationError")
    assert "outside the store" in told.document["expected"]
    assert sorted(shop.rglob("*")) == before


def test_an_output_where_this_user_may_not_write(
    shop: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (shop / "keys" / "trusted").chmod(0o755)
    (shop / "keys").chmod(0o755)
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed").chmod(0o555)
    request.getfixturevalue("ordinary_user")
    for arguments in ((*READ, "--out"), ("export", CLOSED, "--out")):
        suffix = "o.parquet" if arguments[0] == "read" else "e.tar"
        told = call(*arguments, tmp_path / "closed" / suffix, "--home", shop, "--json")
        assert (told.code, told.document["error"]) == (2, "ConfigurationError"), told


def test_evidence_is_exported_once_and_verifies_without_the_home(
    failing: Path, tmp_path: Path
) -> None:
    for out in (tmp_path / "e.tar", tmp_path / "e"):
        told = call("export", CLOSED, "--out", out, "--with-data", "--home", failing, "--json")
        assert told.code == 0
        assert told.document["files"] > 10
        again = call("export", CLOSED, "--out", out, "--home", failing, "--json")
        assert (again.code, again.document["error"]) == (1, "AlreadyExists")
        alone = call("verify", out, "--home", tmp_path / "nowhere", "--json")
        assert alone.code == 0
        assert (alone.document["verified"], alone.document["keys"]) == (True, "self-asserted")


def test_evidence_that_was_changed_is_told_finding_by_finding(
    failing: Path, tmp_path: Path
) -> None:
    out = tmp_path / "evidence"
    call("export", CLOSED, "--out", out, "--home", failing)
    report = next(out.rglob("report.html"))
    report.chmod(0o644)
    report.write_text("all is well")
    told = call("verify", out, "--json")
    assert told.code == 1
    assert told.document["verified"] is False
    assert any("report.html" in finding["where"] for finding in told.document["findings"])
    assert "NOT verified" in call("verify", out).out


def test_another_key_than_the_signers_is_told(failing: Path, tmp_path: Path) -> None:
    from platform_assets.adapters.key_files import signer_from_file  # noqa: PLC0415

    other = tmp_path / "other.pem"
    other.write_bytes(signer_from_file(tmp_path / "secret.pem").public_key_pem)
    own = next((failing / "keys" / "trusted").iterdir())
    assert call("verify", CLOSED, "--key", own, "--home", failing).code == 0
    told = call("verify", CLOSED, "--key", other, "--home", failing, "--json")
    assert told.code == 1


def test_the_report_is_a_file_that_stands_by_itself(failing: Path) -> None:
    told = call("report", CLOSED, "--home", failing, "--json").document
    assert told["run_id"] == CLOSED
    assert "<html" in Path(told["report"]).read_text()[:500]
