"""A home whose records and parts stand in a bucket: everything works there as on a disk."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from platform_assets.adapters.object_store import ObjectStore
from platform_assets.errors import SettingsInvalid, StoreDenied, UnknownOutcome
from platform_assets.identifiers import RunId
from platform_assets.orchestration.execution import run_feed_in_dagster
from platform_assets.pipeline import (
    Platform,
    close,
    export_run,
    finish,
    next_run,
    open_product,
    verify_bundle,
    verify_run,
)
from platform_assets_tests.object_stores import PREFIX, keep_at, keep_in_s3
from platform_assets_tests.servers.http_faults import (
    LOST_ANSWER,
    USUAL,
    Asked,
    Fate,
    HttpFaults,
    s3_error,
)
from platform_assets_tests.shop import make_shop

if TYPE_CHECKING:
    from platform_assets_tests.servers.azure import AzureServer
    from platform_assets_tests.servers.s3 import S3Server

RUN = RunId("shop", 1)
PRODUCTS = ("orders", "cancellations", "refunds", "turnover")


@pytest.fixture
def in_s3(tmp_path: Path, s3_server: S3Server, s3_bucket: str, s3_credentials: None) -> Path:
    del s3_credentials
    home = make_shop(tmp_path / "home in s3")
    keep_in_s3(home, s3_server, s3_bucket)
    return home


@pytest.fixture(
    params=[
        pytest.param("s3", marks=[pytest.mark.s3, pytest.mark.xdist_group("s3")]),
        pytest.param("azure", marks=[pytest.mark.azure, pytest.mark.xdist_group("azure")]),
    ]
)
def in_a_bucket(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "s3":
        home: Path = request.getfixturevalue("in_s3")
        return home
    request.getfixturevalue("azure_credentials")
    server: AzureServer = request.getfixturevalue("azure_server")
    home = make_shop(tmp_path / "home in azure")
    keep_at(home, f"az://{server.new_container()}/{PREFIX}")
    return home


def parts(platform: Platform) -> dict[str, list[str]]:
    return {
        product: [part["sha256"] for part in open_product(platform, RUN, product).manifest["parts"]]
        for product in PRODUCTS
    }


def test_a_run_is_closed_verified_exported_and_read_as_on_a_disk(
    in_a_bucket: Path, closed_shop: Path, tmp_path: Path
) -> None:
    platform, local = Platform.open(in_a_bucket), Platform.open(closed_shop)
    assert isinstance(platform.store, ObjectStore)
    assert next_run(platform, "shop") == RUN
    closed = finish(platform, RUN)
    assert closed["verdict"] == "CLOSED"
    assert "<html" in Path(closed["report"]).read_text()
    assert next_run(platform, "shop") is None
    assert verify_run(platform, RUN).ok
    export_run(platform, RUN, tmp_path / "bundle.tar", with_data=True)
    assert verify_bundle(tmp_path / "bundle.tar", []).ok
    assert parts(platform) == parts(local)
    for product in PRODUCTS:
        ours = open_product(platform, RUN, product).scan().collect()
        assert ours.equals(open_product(local, RUN, product).scan().collect())
        assert isinstance(ours, pl.DataFrame)
    assert not (in_a_bucket / "store").exists()
    assert len(platform.store.list("")) == len(local.store.list(""))


def test_another_process_finds_and_verifies_what_this_one_closed(in_s3: Path) -> None:
    platform = Platform.open(in_s3)
    next_run(platform, "shop")
    finish(platform, RUN)
    command = [sys.executable, "-m", "platform_assets", "verify", str(RUN), "--home", str(in_s3)]
    answered = subprocess.run(
        [*command, "--json"], capture_output=True, text=True, check=False, timeout=120
    )
    assert answered.returncode == 0, answered.stderr
    assert json.loads(answered.stdout)["run_id"] == str(RUN)


def test_a_store_that_loses_answers_is_written_to_and_closed_all_the_same(
    shop: Path, s3_server: S3Server, s3_bucket: str, s3_credentials: None
) -> None:
    """Of all writes, claim and seal among them, each third one is never answered."""
    del s3_credentials
    with HttpFaults(s3_server.endpoint) as faults:
        keep_in_s3(shop, s3_server, s3_bucket, endpoint=faults.endpoint, timeout_seconds=5)
        puts = 0

        def rule(asked: Asked) -> Fate:
            nonlocal puts
            puts += asked.method == "PUT"
            return LOST_ANSWER if asked.method == "PUT" and puts % 3 == 0 else USUAL

        faults.rule = rule
        platform = Platform.open(shop)
        assert next_run(platform, "shop") == RUN
        assert finish(platform, RUN)["verdict"] == "CLOSED"
        assert puts > 30
        faults.rule = lambda _: USUAL
        assert verify_run(Platform.open(shop), RUN).ok


def test_a_run_that_was_denied_its_writes_is_finished_when_they_are_allowed(
    shop: Path, s3_server: S3Server, s3_bucket: str, s3_credentials: None
) -> None:
    del s3_credentials
    with HttpFaults(s3_server.endpoint) as faults:
        keep_in_s3(shop, s3_server, s3_bucket, endpoint=faults.endpoint, timeout_seconds=5)
        platform = Platform.open(shop)
        assert next_run(platform, "shop") == RUN
        denied = Fate(effect=False, answer=s3_error(403, "AccessDenied"))
        for place in ("/landing/", "/certificates/", "/closure/"):
            faults.always(denied, method="PUT", containing=place)
            with pytest.raises((StoreDenied, UnknownOutcome)) as stopped:
                finish(platform, RUN)
            assert stopped.value.remedy
        faults.rule = lambda _: USUAL
        assert finish(platform, RUN)["verdict"] == "CLOSED"
        assert close(platform, RUN)["already_closed"]


def test_dagster_runs_a_feed_whose_records_stand_in_a_bucket(in_s3: Path) -> None:
    assert run_feed_in_dagster(in_s3, "shop") == [RUN]
    assert verify_run(Platform.open(in_s3), RUN).ok


def test_what_opens_the_bucket_is_a_secret_where_the_store_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "false-secret-of-forty-characters-for-test"  # noqa: S105
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", secret + "azure")
    home = make_shop(tmp_path / "home")
    settings = home / "platform.yaml"
    before = settings.read_text()
    for store, known in (
        ("store", set()),
        ("s3://some-bucket", {secret}),
        ("az://some-container", {secret + "azure"}),
    ):
        settings.write_text(f"store: {store}\n")
        found = Platform.open(home).secret_values()
        assert found & {secret, secret + "azure"} == known
    settings.write_text(before)


@pytest.mark.parametrize(
    "text",
    [
        "store: ftp://bucket",
        "store: s3://",
        "store: s3://bucket/../up",
        "store: s3://bucket/.hidden",
        "store: s3://bucket\nobject_store: {endpoint: 'http://127.0.0.1:1'}",
        "store: s3://bucket\nobject_store: {endpoint: 'https://user:word@host'}",
        "store: s3://bucket\nobject_store: {secret_key: word}",
        "store: s3://bucket\nobject_store: {timeout_seconds: 0}",
        "store: s3://bucket\nobject_store: {lock_days: 0}",
        "store: s3://bucket\nobject_store: {lock_mode: SOMETIMES}",
    ],
)
def test_settings_that_name_no_store_are_refused(tmp_path: Path, text: str) -> None:
    home = make_shop(tmp_path / "home")
    (home / "platform.yaml").write_text(text + "\n")
    with pytest.raises(SettingsInvalid):
        Platform.open(home)
