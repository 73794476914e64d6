"""One closer of a race, and the one that comes last: each runs in a process forked for it."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import TYPE_CHECKING

from platform_assets.canonical import digest_bytes
from platform_assets.errors import PlatformError
from platform_assets.pipeline import close, layout, verify_run
from platform_assets_tests.races.watched_store import Events, WatchedStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platform_assets.identifiers import RunId
    from platform_assets.pipeline import Platform
    from platform_assets.ports.store import Store
    from platform_assets_tests.races.watched_store import Struck

    OpenStore = Callable[[], Store]


def race(
    platform: Platform, run: RunId, open_store: OpenStore, noted: Path, struck: Struck | None
) -> None:
    """Close the run with the pipeline's own function, and note what it answers."""
    events = Events(noted)
    store = WatchedStore(open_store(), events, struck)
    _close(dataclasses.replace(platform, store=store), run, events)


def come_last(platform: Platform, run: RunId, open_store: OpenStore, noted: Path) -> None:
    """Close the run when all others have ended; then note what stands in the store."""
    events = Events(noted)
    opened = dataclasses.replace(platform, store=open_store())
    _close(opened, run, events)
    store, folder = opened.store, layout.closure_folder(run)
    seals, claims = {}, {}
    for path in store.list(folder):
        epoch, _, kind = path.rpartition("/")[2].partition(".")
        if kind == "seal":
            data = store.read(path)
            seals[epoch] = "VOID" if b'"record":"void"' in data else digest_bytes(data)
        elif kind == "claim":
            claims[epoch] = _pid_of(json.loads(store.read(path))["owner"])
    log = [path for path in store.list("log") if path.count("/") == 1 and "origin" not in path]
    report = verify_run(opened, run)
    problems = [] if report.ok else [str(finding) for finding in report.findings]
    events.note("stands", seals=seals, claims=claims, log=log, verified=report.ok, said=problems)


def _pid_of(owner: str) -> int:
    """Return the number of the process that a claim names."""
    return int(owner.partition(" process ")[2].partition(" ")[0])


def _close(platform: Platform, run: RunId, events: Events) -> None:
    events.note("begins")
    try:
        closed = close(platform, run)
    except PlatformError as error:
        events.note("ends", verdict=error.code, said=f"{error.found}"[:300])
    else:
        events.note(
            "ends", verdict="CLOSED", digest=closed["bundle_digest"], log=closed["log_index"]
        )


def ended_by(act: Callable[[], None], noted: Path) -> int:
    """Do it in a forked child, and return the child's process id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        act()
        status = 0
    except BaseException as error:  # noqa: BLE001 - the child ends here, whatever happened
        Events(noted).note("failed", error=repr(error)[:500])
    finally:
        os._exit(status)
