"""I14: of secrets that careless code prints and raises, nothing is left in records, logs or databases.

The shop runs under Dagster with an instance on disk, and by the command line; then every file below the
home is searched, bundles and databases among them, and what was printed.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from platform_assets.errors import ConsumerFailed, PlatformError
from platform_assets.flow.secret_scan import WITHHELD, _parts
from platform_assets.identifiers import RunId
from platform_assets.orchestration.failures import errors_fail_the_tick, refusals_fail_the_step
from platform_assets.pipeline import Platform
from platform_assets.pipeline.withheld_output import secrets_withheld, withholding
from platform_assets_tests.cli.calls import call
from platform_assets_tests.orchestration.shop_home import redeclare
from platform_assets_tests.secrets.planted import Planted, plant

if TYPE_CHECKING:
    from pathlib import Path

RUN = RunId("shop", 1)
#: A process that runs the shop under Dagster, its instance on disk: once it raises, once it does not.
IN_DAGSTER = """
import os
from pathlib import Path
from platform_assets.orchestration.definitions import definitions_for
from platform_assets.orchestration.execution import home_instance
from platform_assets.pipeline import Platform, next_run
home = Path(os.environ["SHOP_HOME"])
run = str(next_run(Platform.open(home), "shop"))
with home_instance(home) as instance:
    instance.add_dynamic_partitions("shop_runs", [run])
    for raises in ("yes", ""):
        os.environ["SHOP_RAISES"] = raises
        job = definitions_for(home).resolve_job_def("shop_run")
        done = job.execute_in_process(partition_key=run, instance=instance, raise_on_error=False)
        print("success", done.success)
"""


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Planted, dict[str, str]]:
    shop, environment = plant(tmp_path / "home")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SHOP_RAISES", raising=False)
    return shop, environment


def test_i14_the_search_finds_what_is_left(planted: tuple[Planted, dict[str, str]]) -> None:
    """Break the guard: what is searched for is found in a file and in what was printed."""
    shop, environment = planted
    assert shop.found() == []
    (shop.home / "left.log").write_text(f"{environment['SHOP_TOKEN']!r}")
    assert shop.found("x " + environment["SHOP_URL"]) == [
        "SHOP_TOKEN in left.log",
        "SHOP_URL in output 0",
    ]


def test_i14_dagster_keeps_nothing_that_a_function_prints_and_raises(
    planted: tuple[Planted, dict[str, str]],
) -> None:
    shop, _ = planted
    done = subprocess.run(
        [sys.executable, "-c", IN_DAGSTER], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout.count("success") == 2, done.stderr[-2000:]
    assert "success False\n" in done.stdout
    assert done.stdout.endswith("success True\n")
    kept = _databases(shop.home)
    assert "ConsumerFailed" in kept
    assert f"ValueError: cannot use {WITHHELD}" in kept
    assert f"looking at {WITHHELD}" in done.stdout + _captured(shop.home)
    assert shop.found(done.stdout, done.stderr) == []


def test_i14_the_command_line_shows_and_leaves_nothing(
    planted: tuple[Planted, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, _ = planted
    printed: list[str] = []

    def called(*words: str) -> tuple[int, str]:
        done = call("--home", shop.home, *words)
        printed.extend((done.out, done.err))
        return done.code, done.out + done.err

    monkeypatch.setenv("SHOP_RAISES", "yes")
    code, told = called("run", "shop")
    assert (code, "ConsumerFailed" in told, WITHHELD in told) == (1, True, True)
    assert called("run", "shop", "--json")[0] == 1
    monkeypatch.delenv("SHOP_RAISES")
    code, told = called("run", "shop")  # it closes, and its control topic cannot be reached
    assert (code, "SourceUnreachable" in told) == (3, True)
    assert called("verify", str(RUN)) == (0, printed[-2])
    assert called("export", str(RUN), "--out", str(shop.home / "bundle"), "--with-data")[0] == 0
    redeclare(shop.home, "username: {env: SHOP_USER}", "username: {env: NOBODY_SET_THIS}")
    assert called("announce", "shop")[0] == 2
    assert shop.found(*printed) == []


def test_i14_a_check_that_raises_a_secret_leaves_none_in_the_certificate(
    planted: tuple[Planted, dict[str, str]],
) -> None:
    shop, _ = planted
    visits = "    visits:\n      event: visit\n      sort: [id]\n      checks:\n"
    check = "        - {check: python, name: careless, function: 'shop_functions:careless_check'}\n"
    redeclare(shop.home, visits, visits + check)
    done = call("--home", shop.home, "run", "shop")
    assert done.code == 1
    assert "careless" in done.err
    folder = shop.home / "store/runs" / str(RUN) / "certificates/visits"
    (certificate,) = folder.rglob("*.json")
    assert WITHHELD.encode() in b"".join(_parts(certificate.read_bytes()))
    assert shop.found(done.out, done.err) == []


def test_i14_the_home_knows_every_secret_that_was_planted(
    planted: tuple[Planted, dict[str, str]],
) -> None:
    shop, _ = planted
    known = Platform.open(shop.home).secret_values()
    assert set(shop.values.values()) <= known
    assert call("--home", shop.home, "run", "shop").code == 3
    made = (shop.home / "keys" / "log.pem").read_text()
    assert made in Platform.open(shop.home).secret_values()
    assert Planted(shop.home, {"the key of the log": made}).found() == []


SECRETS = frozenset(
    {"correct horse", "multi\nline-secret-of-some-length-x\nand-another-line-of-it-y"}
)


def test_i14_half_a_line_waits_for_its_other_half(capsys: pytest.CaptureFixture[str]) -> None:
    with secrets_withheld(SECRETS):
        for text in (
            "say correct ",
            "horse, then correct",
            " horse\r",
            "no newline: correct horse",
        ):
            sys.stdout.write(text)
            sys.stdout.flush()
    assert capsys.readouterr().out == (f"say {WITHHELD}, then {WITHHELD}\rno newline: {WITHHELD}")


def test_i14_without_secrets_nothing_stands_between_a_function_and_its_output() -> None:
    before = sys.stdout
    with secrets_withheld(frozenset()):
        assert sys.stdout is before
    with pytest.raises(KeyError), secrets_withheld(SECRETS):
        raise KeyError
    assert sys.stdout is before


def test_i14_a_function_that_raises_no_secret_raises_what_it_raised() -> None:
    def fails() -> None:
        raise LookupError("of the function")

    with pytest.raises(LookupError, match="of the function"):
        withholding(fails, SECRETS)()

    def tells() -> None:
        raise LookupError("the correct horse")

    with pytest.raises(RuntimeError, match=r"LookupError: the \[withheld\]") as raised:
        withholding(tells, SECRETS)()
    assert raised.value.__context__ is None


@pytest.mark.parametrize("within", [refusals_fail_the_step, errors_fail_the_tick])
@pytest.mark.parametrize("error", [ValueError, ConsumerFailed])
def test_i14_an_error_that_nobody_foresaw_reaches_dagster_without_secrets(
    within: object, error: type[Exception]
) -> None:
    def raised() -> Exception:
        if issubclass(error, PlatformError):
            return error("x", expected="y", found="the correct horse", remedy="z")
        return error("the correct horse")

    with pytest.raises((dg.Failure, ConsumerFailed)) as caught, within(SECRETS):  # type: ignore[operator]
        raise raised()
    told = caught.value
    assert "correct horse" not in f"{told}{getattr(told, 'metadata', '')}{told.__cause__!r}"
    assert told.__suppress_context__ or told.__context__ is None
    with pytest.raises(ValueError, match="harmless"), within(SECRETS):  # type: ignore[operator]
        raise ValueError("harmless")


def _databases(home: Path) -> str:
    kept = [path.read_bytes() for path in (home / "dagster").rglob("*.db")]
    return b"".join(kept).decode(errors="replace")


def _captured(home: Path) -> str:
    """Return what Dagster kept of the output of steps."""
    logs = [p.read_text() for p in (home / "dagster").rglob("compute_logs/*") if p.is_file()]
    return "".join(logs)
