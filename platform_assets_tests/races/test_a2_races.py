"""A2: eight real processes race to close one run, and are killed and frozen while they do.

``PLATFORM_TESTS_RACES=2000`` runs so many; by default a few. How long a takeover took is printed and
not asserted: it is the machine's as much as the protocol's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets_tests.races.ready_home import make_ready
from platform_assets_tests.servers.s3 import new_bucket

if TYPE_CHECKING:
    from collections.abc import Callable

    from platform_assets_tests.servers.s3 import S3Server

    Races = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.crash

ROOT = Path(__file__).parents[2]
RACES = int(os.environ.get("PLATFORM_TESTS_RACES", "4"))
SECONDS_PER_RACE = 60


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_ready(tmp_path_factory.mktemp("races") / "home", ttl_seconds=1.0)


@pytest.fixture
def bucket(s3_server: S3Server, s3_credentials: None) -> tuple[str, ...]:
    return ("--s3", s3_server.endpoint, "--bucket", new_bucket(s3_server))


@pytest.fixture
def races(ready: Path, tmp_path: Path) -> Races:
    def run(*arguments: str, races: int = RACES) -> dict[str, Any]:
        command = [sys.executable, "-m", "platform_assets_tests.races", str(ready)]
        command += ["--folder", str(tmp_path / "races"), "--races", str(races), *arguments]
        done = subprocess.run(
            command,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120 + races * SECONDS_PER_RACE,
            check=False,
        )
        assert done.stdout, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        print(answer)  # noqa: T201 - figures for the log
        return answer

    return run


def test_i09_processes_that_race_to_close_leave_one_seal_one_entry_and_one_verdict(
    races: Races, record_property: Callable[[str, object], None]
) -> None:
    answer = races("--side-by-side", "6")
    record_property("races", answer)
    require_sound(answer)


def test_i09_processes_that_race_over_s3_leave_one_seal_one_entry_and_one_verdict(
    races: Races, bucket: tuple[str, ...], record_property: Callable[[str, object], None]
) -> None:
    answer = races("--side-by-side", "6", *bucket)
    record_property("races", answer)
    require_sound(answer)


def require_sound(answer: dict[str, Any]) -> None:
    assert answer["problems"] == {}
    assert answer["races"] == RACES
    assert sum(answer["epochs"].values()) == RACES
    assert max(map(int, answer["epochs"])) > 1, "somebody was replaced"
    assert answer["verdicts"]["CLOSED"] > RACES, "more than those that came last"


def test_i09_races_show_a_takeover_that_does_not_bar_the_owner(races: Races) -> None:
    """The owner is not barred: it seals beside its successor, or its successor finds it open."""
    frozen = ("--frozen", "--side-by-side", "2")
    answer = races(*frozen, "--bug", "skip_the_void", races=2)
    said = json.dumps(answer["problems"])
    assert "2 seals" in said or "epoch 1 is not VOID" in said
