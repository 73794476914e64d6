"""What the document on memory, cores and spill says is so: settings, defaults, fields, limits."""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING

import yaml

from platform_assets.adapters.budget import BASE_BYTES, Budget
from platform_assets.adapters.spilling import no_room
from platform_assets.adapters.watch import MARGIN, StepName, noted, watched
from platform_assets.errors import MemoryExceeded, SpillExhausted, WorkerLost
from platform_assets.settings import Settings
from platform_assets_tests.docs.written_commands import README, REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

TEXT = (REPOSITORY / "docs" / "resources.md").read_text(encoding="utf-8")


def test_the_readme_links_to_it() -> None:
    assert "(docs/resources.md)" in README.read_text(encoding="utf-8")


def test_the_settings_that_it_shows_are_settings_with_the_defaults_that_it_says() -> None:
    (shown,) = re.findall(r"^```yml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    settings = Settings.model_validate(yaml.safe_load(shown))
    assert (settings.cores, settings.spill_limit) == (4, 200 * 1024**3)
    assert settings.memory_budget == Settings().memory_budget == 2 * 1024**3
    absent = Settings()
    assert (absent.cores, absent.spill_dir, absent.spill_limit) == (None, None, None)


def test_the_fields_that_it_lists_are_those_of_a_step(tmp_path: Path) -> None:
    listed = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", TEXT, re.MULTILINE)
    fields = [name for cell in listed for name in re.findall(r"`(\w+)`", cell)]
    with noted() as steps, watched(StepName("r-00000001", "land", "s"), Budget(2**30, 1, tmp_path)):
        pass
    assert fields == list(steps[0].as_json())


def test_the_limits_that_it_says_are_those_that_hold() -> None:
    assert f"{BASE_BYTES // 1024**2} MiB of every budget" in TEXT
    assert MARGIN == 0.25
    assert "a quarter" in TEXT
    assert f"{MARGIN:.0%} more in passing" in TEXT


def test_the_refusals_that_it_shows_are_worded_so(tmp_path: Path) -> None:
    flat = " ".join(TEXT.split())
    refused = no_room(tmp_path, None, OSError(errno.ENOSPC, ""))
    assert refused is not None
    said = f"{refused.code}: {refused.thing}: expected {refused.expected}, found {refused.found}."
    assert said.replace(str(tmp_path), "/mnt/fast") in flat
    for kind, code in ((MemoryExceeded, 1), (SpillExhausted, 1), (WorkerLost, 3)):
        assert kind.__name__ in TEXT
        assert kind.exit_code == code
