"""Says at the end which servers were real, and fails where one that can be had was not used.

A test that needs a server carries its marker. Being skipped is right on a machine that has no such
server; where `.ci/run` made sure that it can be had (``PLATFORM_TESTS_REQUIRE``), it is a failure.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
from importlib import metadata
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = [
    "platform_assets_tests.servers.azure",
    "platform_assets_tests.servers.fixtures",
    "platform_assets_tests.servers.kinesis",
    "platform_assets_tests.servers.postgres",
    "platform_assets_tests.servers.s3",
    "platform_assets_tests.servers.worker_groups",
]

#: Marker of the tests -> what they need.
SERVERS = {
    "azure": "azure",
    "browser": "chromium",
    "kafka": "kafka",
    "kinesis": "kinesis",
    "postgres": "postgres",
    "s3": "s3",
    "spark": "spark",
}


@pytest.fixture
def nothing_collected() -> Iterator[None]:
    """Keep what other tests left from being collected while a test interrupts its own process.

    Python drops what is raised within a finaliser, and with it the interruption that came there.
    """
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def pytest_configure() -> None:
    """Take interruptions again where the tests were started in the background, which ignores them."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests that share a fixture of their module in one worker, so that it is made once."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None and _shares_with_its_module(item):
            item.add_marker(pytest.mark.xdist_group(item.location[0]))


def _shares_with_its_module(item: pytest.Item) -> bool:
    fixtures = item._fixtureinfo.name2fixturedefs if isinstance(item, pytest.Function) else {}
    return any(fixture.scope == "module" for *_, fixture in fixtures.values())


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print how often each server was used, and what was skipped for want of one."""
    del config
    terminalreporter.section("servers")
    for marker, server in SERVERS.items():
        passed, skipped = (
            _marked(terminalreporter, kind, marker) for kind in ("passed", "skipped")
        )
        version = _version(server, terminalreporter)
        terminalreporter.line(
            f"{server}: {version}; {passed} tests ran with it, {skipped} were skipped"
        )
    terminalreporter.line(f"Dagster webserver and daemon: {metadata.version('dagster-webserver')}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that skipped what it was required to run."""
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    required = os.environ.get("PLATFORM_TESTS_REQUIRE", "").split()
    for marker, server in SERVERS.items():
        if reporter is not None and server in required and _marked(reporter, "skipped", marker):
            session.exitstatus = 1
            reporter.line(
                f"{server} can be had here, and tests that need it were skipped", red=True
            )


def _marked(reporter: pytest.TerminalReporter, kind: str, marker: str) -> int:
    return sum(
        marker in getattr(report, "keywords", {})
        for report in reporter.stats.get(kind, [])
        if getattr(report, "when", "") in ("call", "setup")
    )


def _version(program: str, reporter: pytest.TerminalReporter) -> str:
    seen = {
        value
        for report in reporter.stats.get("passed", [])
        for name, value in getattr(report, "user_properties", [])
        if name == program
    }
    if seen:  # what the servers said of themselves when they were used
        return ", ".join(sorted(seen))
    if program in ("kafka", "postgres", "s3", "spark"):
        return "none was used"
    if program in ("azure", "kinesis"):
        from platform_assets_tests.servers import azure, kinesis  # noqa: PLC0415 - plugins come first

        return {"azure": azure.version, "kinesis": kinesis.versions}[program]()
    if shutil.which(program) is None:
        return "not on this machine"
    done = subprocess.run(
        [program, "--version"], capture_output=True, text=True, check=False, timeout=30
    )
    return done.stdout.strip() or "version unknown"
