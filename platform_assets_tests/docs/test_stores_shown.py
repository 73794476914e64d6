"""The settings that the document on stores shows are settings, and name stores that can be opened."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import yaml

from platform_assets.adapters.object_store import ObjectStore
from platform_assets.adapters.stores import open_store
from platform_assets.settings import Settings
from platform_assets_tests.docs.written_commands import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

_SETTINGS = re.compile(r"^```yml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHOWN = _SETTINGS.findall((REPOSITORY / "docs" / "stores.md").read_text(encoding="utf-8"))


def test_settings_are_shown() -> None:
    assert len(SHOWN) > 3


@pytest.mark.parametrize("text", SHOWN)
def test_shown_settings_open_a_store(text: str, tmp_path: Path) -> None:
    settings = Settings.model_validate(yaml.safe_load(text))
    assert isinstance(open_store(settings, tmp_path), ObjectStore)
