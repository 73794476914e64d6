"""No key stands anywhere but in its own file: not in records, nor in logs or errors."""

from __future__ import annotations

import base64
import json
import logging
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.data_key import DataKey, written_forms
from platform_assets.errors import CertificationFailed, ClosureRefused, SettingsInvalid
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, caught_up, close
from platform_assets.pipeline.data_keys import claimed_key, staging_key
from platform_assets.pipeline.run import Silence
from platform_assets_tests.shop import redeclare
from platform_assets_tests.strict.planted_shop import make_planted, planted

if TYPE_CHECKING:
    from pathlib import Path

RUN = RunId("shop", 1)


def _wrapping_keys(home: Path) -> dict[str, bytes]:
    return {
        name: base64.b64decode((home / f"keys/{name}.key").read_text().split()[-1])
        for name in ("staging", "release")
    }


def _data_keys(platform: Platform) -> list[DataKey]:
    claims = (platform.home / "store/runs" / str(RUN) / "products").rglob("claim.json")
    of_run = staging_key(platform, RUN)
    assert of_run is not None
    return [of_run, *(claimed_key(platform, json.loads(path.read_bytes())) for path in claims)]


def test_no_key_stands_in_any_stored_file(strict_home: Path) -> None:
    platform = Platform.open(strict_home)
    keys = [*_wrapping_keys(strict_home).values(), *(k.secret for k in _data_keys(platform))]
    assert len(keys) == 2 + 1 + 4
    files = [path.read_bytes() for path in (strict_home / "store").rglob("*") if path.is_file()]
    files += [
        base64.b64decode(json.loads(data)["dsseEnvelope"]["payload"])
        for data in files
        if b"dsseEnvelope" in data and data.startswith(b"{")
    ]
    for key in keys:
        forms = [key, *(form.encode() for form in written_forms(key))]
        assert not [data for data in files for form in forms if form in data]


def test_keys_are_told_by_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    home = make_planted(tmp_path / "home", strict=True)
    with caplog.at_level(logging.DEBUG):
        list(caught_up(Platform.open(home), "shop", Silence()))
    secrets = [*_wrapping_keys(home).values(), *(k.secret for k in _data_keys(Platform.open(home)))]
    for secret in secrets:
        assert not [form for form in written_forms(secret) if form in caplog.text]


def test_wrapping_keys_in_files_are_secret_values_in_every_form(strict_home: Path) -> None:
    known = Platform.open(strict_home).secret_values()
    for key in _wrapping_keys(strict_home).values():
        assert {key.hex(), base64.b64encode(key).decode()} <= known


def test_a_run_that_recorded_a_wrapping_key_is_not_closed(tmp_path: Path) -> None:
    home = make_planted(tmp_path / "home", strict=True)
    Platform.open(home).staging_key.wrap(b"k" * 32, {})  # which makes it
    secret = base64.b64encode(_wrapping_keys_of(home, "staging")).decode()
    redeclare(home, lambda feed: feed.update(description=f"the key is {secret}"))
    platform = Platform.open(home)
    with pytest.raises(ClosureRefused) as refused:
        list(caught_up(platform, "shop", Silence()))
    assert "NoSecretFound" in refused.value.found
    assert secret not in str(refused.value)
    with pytest.raises(ClosureRefused):
        close(platform, RUN)


def _wrapping_keys_of(home: Path, name: str) -> bytes:
    return base64.b64decode((home / f"keys/{name}.key").read_text().split()[-1])


def test_development_keys_are_made_once_for_their_owner_alone(strict_home: Path) -> None:
    for name in ("staging", "release"):
        path = strict_home / f"keys/{name}.key"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_text().startswith("platform-assets development key")


@pytest.mark.parametrize("text", ["", "c2hvcnQ=", "no base64 at all!", "\xff\xfe", "a b"])
def test_a_file_that_holds_no_key_is_refused_and_not_repeated(
    strict_home: Path, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "staging.key"
    path.write_text(text, "latin-1")
    path.chmod(0o600)
    platform = Platform.open(strict_home)
    keys = platform.settings.keys.model_copy(update={"wrap_staging": str(path)})
    settings = platform.settings.model_copy(update={"keys": keys})
    with pytest.raises(SettingsInvalid) as refused:
        staging_key(replace(platform, settings=settings), RUN)
    assert not text.strip() or text not in str(refused.value)


def test_observations_that_may_quote_a_value_are_withheld(
    strict_home: Path, tmp_path: Path
) -> None:
    home = make_planted(tmp_path / "home", strict=True)
    (home / "shop_checks.py").write_text(
        "from platform_assets.flow.checks import CheckObservation\n\n\n"
        "def quoting(frame, parameters):\n"
        "    first = str(frame.collect()['customer'][0])\n"
        "    return CheckObservation(first, first, True, first)\n\n\n"
        "def crashing(frame, parameters):\n"
        "    raise ValueError(str(frame.collect()['customer'][0]))\n"
    )

    def quote(feed: dict[str, object]) -> None:
        checks = feed["products"]["orders"]["checks"]  # type: ignore[index]
        checks.append({"check": "python", "name": "q", "function": "shop_checks:quoting"})
        checks.append({"check": "python", "name": "c", "function": "shop_checks:crashing"})
        checks.append({"check": "freshness", "column": "at", "max_age_seconds": 10**9})

    redeclare(home, quote)
    with pytest.raises(CertificationFailed) as failed:
        list(caught_up(Platform.open(home), "shop", Silence()))
    assert "withheld" in failed.value.found
    assert not [value for value in planted() if value in str(failed.value)]
    certificate = next((home / "store").rglob("certificates/orders/0001/0001.json")).read_bytes()
    payload = base64.b64decode(json.loads(certificate)["dsseEnvelope"]["payload"]).decode()
    assert payload.count("withheld: the product is strict") == 5
    assert "ValueError: withheld" in payload
    assert not [value for value in planted() if value in payload]
    assert "2026-01-" not in payload
