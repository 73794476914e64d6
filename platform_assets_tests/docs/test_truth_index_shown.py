"""The document on the index of truth ledgers shows settings that are settings."""

from __future__ import annotations

import re

import yaml

from platform_assets.settings import Settings
from platform_assets_tests.docs.written_commands import REPOSITORY

_SETTINGS = re.compile(r"^```yml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_shown_settings_name_a_variable() -> None:
    text = (REPOSITORY / "docs" / "truth-index.md").read_text(encoding="utf-8")
    (shown,) = _SETTINGS.findall(text)
    settings = Settings.model_validate(yaml.safe_load(shown))
    assert settings.truth_index.dsn_env == "PLATFORM_TRUTH_INDEX"
