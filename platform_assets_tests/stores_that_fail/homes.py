"""A small shop for stores that fail: how it is run, what has to hold of a failure, what it leaves."""

from __future__ import annotations

import json
import os
import traceback
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.local_store import LocalStore
from platform_assets.errors import PlatformError
from platform_assets.pipeline import Platform, caught_up, runs, verify_run
from platform_assets.pipeline.log_check import examine
from platform_assets.pipeline.outbox import outbox_of
from platform_assets.pipeline.run import Silence
from platform_assets_tests.crashes.job import StandingClock
from platform_assets_tests.shop import make_shop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platform_assets.identifiers import RunId
    from platform_assets.ports.store import Store

#: Every n-th point of a sweep is tried; 1 tries all, as acceptance does.
STRIDE = int(os.environ.get("PLATFORM_TESTS_STRIDE", "5"))
#: Closers differ by their nonce, so claims, seals and what is signed over them differ as well.
_PER_CLOSER = ("closure", "evidence")


class WatchedStore(LocalStore):
    """A store on a real disk that tells the test of each durable write before it begins."""

    def __init__(self, root: Path, before: Callable[[int, str], None]) -> None:
        super().__init__(root)
        self.paths: list[str] = []
        self._before = before

    def create(self, path: str, data: bytes) -> None:
        self._tell(path)
        super().create(path, data)

    def create_from(self, path: str, source: Path) -> None:
        self._tell(path)
        super().create_from(path, source)

    def _tell(self, path: str) -> None:
        self.paths.append(path)
        self._before(len(self.paths), path)


def small_shop(home: Path, store: Path, *, orders: int = 6) -> Path:
    """Make a shop of a few records whose store is elsewhere; its keys are made already."""
    make_shop(home, orders=orders)
    with (home / "platform.yaml").open("a") as settings:
        settings.write(f"store: {store}\n")
    platform = Platform.open(home)
    platform.signer  # noqa: B018 - made before anything fails
    return home


def run_all(home: Path, store: Store | None = None) -> None:
    """Run every window to its closure, at a standing moment."""
    platform = Platform.open(home, store=store, clock=StandingClock())
    for _ in caught_up(platform, "shop", Silence()):
        pass


def failure_of(act: Callable[[], None]) -> PlatformError | None:
    """Return the platform's error of an act, None where it succeeded; any other error is a defect."""
    failed = None
    try:
        act()
    except PlatformError as error:
        failed = error
    except BaseException:  # noqa: BLE001 - whatever else it is, it is told whole
        raise AssertionError(f"not an error of the platform: {traceback.format_exc()}") from None
    if failed is not None:
        assert failed.exit_code in (1, 3), failed
        assert all((failed.remedy, failed.expected, failed.found)), failed
    return failed


def require_sound(platform: Platform, run: RunId) -> None:
    """Require that whoever looks at the closed run finds it as it is."""
    result = verify_run(platform, run)
    assert result.ok, [f"{found.where}: {found.problem}" for found in result.findings]
    assert not examine(platform).problems
    assert not outbox_of(platform, run.feed).withheld


def require_run_once(home: Path) -> None:
    """Require that the feed has a single run, which is sound, and that no check failed on its way."""
    platform = Platform.open(home)
    [run] = runs(platform, "shop")
    require_sound(platform, run)
    certificates = [path for path in platform.store.list("runs") if "/certificates/" in path]
    assert all(b'"FAIL"' not in platform.store.read(path) for path in certificates)


def require_whole(store: Path) -> None:
    """Require that every object of the store is whole: a record parses, a part is named by its hash."""
    for path in store.rglob("*"):
        if not path.is_file() or ".incoming" in path.parts:
            continue
        data = path.read_bytes()
        assert data, path
        if path.suffix in (".json", ".claim", ".seal"):
            json.loads(data)
        if path.suffix == ".parquet":
            assert data[:4] == data[-4:] == b"PAR1", path


def records_of(home: Path, store: Path) -> dict[str, bytes]:
    """Return everything that does not depend on who closed, path -> bytes."""
    found: dict[str, bytes] = {}
    for path in sorted(store.rglob("*")):
        name = path.relative_to(store).as_posix()
        parts = name.split("/")
        if not path.is_file() or parts[0] == ".incoming":
            continue
        if parts[0] == "log" or (parts[0] == "runs" and parts[2] in _PER_CLOSER):
            continue
        found[name] = path.read_bytes()
    platform = Platform.open(home, clock=StandingClock())
    for run in runs(platform, "shop"):
        result = verify_run(platform, run)
        assert result.ok, [f"{f.where}: {f.problem}" for f in result.findings]
        seals = list((store / "runs" / str(run) / "closure").glob("*.seal"))
        assert sum(b'"void"' not in seal.read_bytes() for seal in seals) == 1
    return found


def logged(store: Path) -> list[Any]:
    """Return the runs of the log, in its order."""
    entries = sorted((store / "log").glob("[0-9]*.json"))
    return [json.loads(entry.read_bytes())["run_id"] for entry in entries]
