"""Deleting the data of closed runs by the feed's retention, with a signed proof.

1. The run is closed, and it verifies with what is left of its data: deleting other data than the
   evidence names would destroy the proof that something is wrong.
2. A teardown that was begun and not finished is finished; then nothing new is planned in that call.
3. Decide what goes: what is past its retention, needed by no other run and there.
4. Sign and write what goes. Nothing is deleted before that stands.
5. Delete, part by part; what is gone already is passed over.
6. Sign and write that it is done.

So killing it anywhere loses nothing: before 4 nothing happened, and after that the next call goes on.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.file_hashes import sha256_file
from platform_assets.canonical import rfc3339
from platform_assets.contracts.records import check_record
from platform_assets.declarations.retention import age_of
from platform_assets.errors import RecordConflict, RunOpen
from platform_assets.flow.signing import sign_statement
from platform_assets.flow.teardown import Retention, begun, done, plan, teardown_statement
from platform_assets.pipeline import layout
from platform_assets.pipeline.pinned_runs import runs
from platform_assets.pipeline.records import write_bytes
from platform_assets.pipeline.state import is_closed, sealed_run
from platform_assets.pipeline.stored_bundle import verify_run
from platform_assets.pipeline.teardown_needs import needed_parts, unannounced
from platform_assets.pipeline.teardown_records import standing_teardown
from platform_assets.ports.removal import KINDS, kind_of_part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.flow.evidence import FileEntry
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform
    from platform_assets.pipeline.state import SealedRun
    from platform_assets.ports.removal import Removal


def teardown(
    platform: Platform,
    removal: Removal,
    run: RunId,
    *,
    older_than: str | None = None,
    dry_run: bool = False,
) -> dict[str, Any]:
    """Delete what is past its retention of one closed run, and return the signed record of it.

    Args:
        platform: the opened home.
        removal: what deletes in its store.
        run: a closed run.
        older_than: also keep everything of a run that was closed less long ago than this.
        dry_run: write and delete nothing; say what would go.

    Returns:
        ``run_id``, ``state`` (NOTHING, PLANNED, DONE), ``removed`` and ``unlisted`` (entries that this
        call deletes), ``kept``, ``proof`` (the record, None where there is none), ``path``.

    Raises:
        RunOpen: the run is open.
        VerificationFailed: its evidence, or what is left of its data, does not verify.
        RemovalDenied: the store does not let a part be deleted; the teardown stays begun.
        UnknownOutcome, DependencyUnreachable: look again; the next call goes on.
    """
    sealed = _verified(platform, run)  # 1
    standing = standing_teardown(platform, run)
    if standing is None or standing["state"] == "DONE":
        retention = retention_of(platform, run.feed, older_than)
        planned = plan(  # 3
            sealed.bundle,
            _present(platform, run, sealed, retention),
            retention,
            _needed(platform, run, sealed),
            platform.clock.now(),
        )
        if not (planned.removed or planned.unlisted):
            return _answer(run, "NOTHING", standing, kept=planned.kept)
        record = begun(
            sealed.bundle,
            sealed.bundle_digest,
            planned,
            retention,
            before=standing,
            now=rfc3339(platform.clock.now()),
        )
        if dry_run:
            return _answer(run, "PLANNED", record, before=standing, kept=planned.kept)
        record = _write(platform, run, record)  # 4
    else:
        record = standing  # 2
        if dry_run:
            return _answer(run, "PLANNED", record, kept=record["kept"])
    for entry in (*record["removed"], *record["unlisted"]):  # 5
        removal.remove(entry["path"])
    finished = _write(platform, run, done(record, rfc3339(platform.clock.now())))  # 6
    before = standing if standing and standing["state"] == "DONE" else None
    return _answer(run, "DONE", finished, before=before, kept=finished["kept"])


def closed_runs_of(platform: Platform, feed: str) -> list[RunId]:
    """Return every closed run of a feed, earliest first."""
    return [run for run in runs(platform, feed) if is_closed(platform, run)]


def retention_of(platform: Platform, feed: str, older_than: str | None = None) -> Retention:
    """Return the retention that a feed declares now."""
    declared = platform.feed(feed).retention
    ages = {kind: age for kind in KINDS if (age := declared.age(kind)) is not None}
    return Retention(
        declared=ages,
        ages={kind: age_of(age) for kind, age in ages.items()},
        older_than=older_than,
        at_least=age_of(older_than) if older_than is not None else timedelta(0),
    )


def _verified(platform: Platform, run: RunId) -> SealedRun:
    """Return the run's closure, if the run verifies."""
    sealed = sealed_run(platform, run)
    if sealed is None:
        raise RunOpen(
            f"teardown of {run}",
            expected="a closed run",
            found="an open one, whose data nothing accounts for yet",
            remedy=f"Close it first: platform-assets close {run}",
        )
    verify_run(platform, run).require()
    return sealed


def _present(
    platform: Platform, run: RunId, sealed: SealedRun, retention: Retention
) -> dict[str, FileEntry]:
    """Return every part that is there; those that no evidence names and that may go are hashed."""
    listed = {entry["path"]: entry for entry in sealed.bundle["data"]}
    paths = [
        path
        for kind in KINDS
        for path in platform.store.list(f"{layout.run_folder(run)}/{kind}")
        if (found := kind_of_part(path)) is not None and found[1] == kind
    ]

    def entry(path: str) -> tuple[str, FileEntry]:
        if path in listed:
            return path, listed[path]  # verified a moment ago
        found = kind_of_part(path)
        if found is None or found[1] not in retention.ages:
            return path, {"path": path}
        size = platform.store.stat(path).size
        return path, {
            "path": path,
            "size": size,
            "sha256": sha256_file(platform.store.local_path(path)),
        }

    with ThreadPoolExecutor() as pool:
        return dict(pool.map(entry, paths))


def _needed(platform: Platform, run: RunId, sealed: SealedRun) -> Mapping[tuple[str, str], str]:
    needed = needed_parts(platform, run.feed).get(run, {})
    if unannounced(platform, run):
        why = f"it may not be announced yet: platform-assets announce {run.feed}"
        needed |= {("products", product): why for product in sealed.bundle["products"]}
    return needed


def _write(platform: Platform, run: RunId, record: dict[str, Any]) -> dict[str, Any]:
    """Write a statement and return what stands: another process may have been faster."""
    path = layout.teardown_path(run, record["number"], done=record["state"] == "DONE")
    check_record(record, path)
    try:
        write_bytes(
            platform.store, path, sign_statement(platform.signer, teardown_statement(record))
        )
    except RecordConflict:
        standing = standing_teardown(platform, run)
        if standing is None:
            raise
        return standing
    return record


def _answer(
    run: RunId,
    state: str,
    record: Mapping[str, Any] | None,
    *,
    kept: Any,
    before: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    earlier = {e["path"] for key in ("removed", "unlisted") for e in (before or {}).get(key, ())}
    gone = record if record is not None and state != "NOTHING" else {}
    done_path = record is not None and record["state"] == "DONE"
    return {
        "run_id": str(run),
        "state": state,
        "removed": [e for e in gone.get("removed", ()) if e["path"] not in earlier],
        "unlisted": [e for e in gone.get("unlisted", ()) if e["path"] not in earlier],
        "kept": list(kept),
        "proof": dict(record) if record is not None else None,
        "path": layout.teardown_path(run, record["number"], done=done_path) if record else None,
    }
