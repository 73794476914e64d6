"""The evidence of a closed run where it stands in the store: verified there, or exported from there.

Verification trusts no index and no memory: it reads the seal, the bundle and every file that the bundle
lists.
"""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any

from platform_assets.adapters.archive import export_bundle, open_bundle
from platform_assets.adapters.file_hashes import sha256_file
from platform_assets.errors import DataRemoved, LogInconsistent, RunOpen
from platform_assets.flow.evidence import BUNDLE_FILE, SEAL_FILE, SUPERSEDED_FILE, TEARDOWN_FILE
from platform_assets.flow.verification import verify
from platform_assets.pipeline.checkpoints import continuation_problems
from platform_assets.pipeline.log_files import (
    log_files,
    membership_problems,
    present_log_keys,
)
from platform_assets.pipeline.secret_search import require_exportable
from platform_assets.pipeline.state import sealed_run
from platform_assets.pipeline.supersession import standing_supersession
from platform_assets.pipeline.teardown_records import packed_statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from platform_assets.flow.checkpoint import Given, LogKey
    from platform_assets.flow.verification import Verification
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform
    from platform_assets.ports.signer import Trust


class StoredBundle:
    """A closed run's seal, its evidence and every file that the evidence lists."""

    def __init__(self, platform: Platform, run: RunId, *, with_data: bool) -> None:
        """Find the run's seal and what it names.

        Raises:
            RunOpen: the run is open.
        """
        sealed = sealed_run(platform, run)
        if sealed is None:
            raise RunOpen(
                f"evidence of {run}",
                expected="a closed run",
                found="an open one, or none",
                remedy=f"Close it first: platform-assets close {run}",
            )
        self._store = platform.store
        self._own = {SEAL_FILE: sealed.seal, BUNDLE_FILE: sealed.bundle_bytes}
        removed = packed_statements(platform, run, sealed.bundle)
        if removed is not None:
            self._own[TEARDOWN_FILE] = removed
        newer = standing_supersession(platform, run)
        if newer is not None:
            self._own[SUPERSEDED_FILE] = newer
        self._platform = platform
        self._log = log_files(platform, run, sealed)
        self._own |= self._log.files
        listed = [*sealed.bundle["records"], *(sealed.bundle["data"] if with_data else ())]
        self.data = frozenset(entry["path"] for entry in sealed.bundle["data"])
        self._listed = [entry["path"] for entry in listed]

    def problems(self) -> Sequence[tuple[str, str]]:
        """Return what the home's own log says otherwise; a store has no container of its own."""
        found = list(self._log.problems)
        if self._log.entry is not None:
            found += membership_problems(self._platform, self._log.entry)
        return found

    def require_logged(self, run: RunId) -> None:
        """Require that there is a whole proof of the run's place in the log.

        Raises:
            LogInconsistent: there is none.
        """
        if self._log.problems:
            raise LogInconsistent(
                f"log entry of {run}",
                expected="an entry and a signed checkpoint that hold the run",
                found=[f"{path}: {problem}" for path, problem in self._log.problems],
                remedy="Look at the whole log: platform-assets checkpoint",
            )

    def paths(self) -> Sequence[str]:
        """Return what the evidence lists and the store held when it was first asked."""
        return self._paths

    @cached_property
    def _paths(self) -> list[str]:
        folders = {path.rpartition("/")[0] for path in self._listed}
        standing = {path for folder in _uppermost(folders) for path in self._store.list(folder)}
        return sorted([*self._own, *standing.intersection(self._listed)])

    def read(self, path: str) -> bytes:
        """Return the bytes of one file."""
        return self._own[path] if path in self._own else self._store.read(path)

    def local_path(self, path: str) -> Path:
        """Return a local file with the bytes of a file that the store holds."""
        return self._store.local_path(path)

    @contextmanager
    def open(self, path: str) -> Iterator[IO[bytes]]:
        """Open one file for reading."""
        if path in self._own:
            yield io.BytesIO(self._own[path])
        else:
            with self._store.local_path(path).open("rb") as file:
                yield file

    def fingerprints(self, paths: Iterable[str]) -> Mapping[str, tuple[int, str]]:
        """Return size and SHA-256 of files, hashed on all cores."""

        def fingerprint(path: str) -> tuple[str, tuple[int, str]]:
            local = self._store.local_path(path)
            return path, (local.stat().st_size, sha256_file(local))

        with ThreadPoolExecutor() as pool:
            return dict(pool.map(fingerprint, paths))


def _uppermost(folders: Iterable[str]) -> list[str]:
    """Return the folders that stand in no other one of them."""
    found: list[str] = []
    for folder in sorted(folders, key=lambda each: each.split("/")):
        if not found or not f"{folder}/".startswith(f"{found[-1]}/"):
            found.append(folder)
    return found


def verify_run(
    platform: Platform,
    run: RunId,
    trust: Trust | None = None,
    checkpoints: Sequence[tuple[str, Given]] = (),
    log_keys: Sequence[LogKey] = (),
) -> Verification:
    """Verify a closed run in its home, data included, and that the home's log holds it.

    Args:
        platform: the home.
        run: the run.
        trust: the keys whose signatures count; without, those that the home trusts.
        checkpoints: names and contents of checkpoints from elsewhere that the log has to continue.
        log_keys: keys of the log besides the home's and those that evidence names.

    Raises:
        RunOpen: the run is open.
        GateRefusal, EvidenceInconsistent: its seal does not verify at all.
        CheckpointInvalid: no key of the log signed one of the checkpoints.
    """
    files = StoredBundle(platform, run, with_data=True)
    keys = [*log_keys, *present_log_keys(platform)]
    result = verify(
        files,
        trust or platform.trust,
        self_asserted=False,
        needs_data=True,
        log_keys=keys,
    )
    known = result.place.keys if result.place is not None else keys
    return result.with_checkpoints(checkpoints, continuation_problems(platform, checkpoints, known))


def export_run(
    platform: Platform, run: RunId, out: Path, *, with_data: bool = False
) -> dict[str, Any]:
    """Write the evidence of a closed run: a deterministic archive, or a folder.

    Raises:
        RunOpen: the run is open.
        AlreadyExists: something stands at the target.
        LogInconsistent: the log does not hold the run.
        DataRemoved: the data is asked for, and a teardown deleted some of it.
        SecretFound: a record holds a value that the home knows as a secret now.
    """
    files = StoredBundle(platform, run, with_data=with_data)
    if with_data and TEARDOWN_FILE in files.paths():
        raise DataRemoved(
            f"export of {run} with data",
            expected="every part of the run, and of the runs that it consulted",
            found="parts that a teardown deleted; its signed record is in the evidence",
            remedy=f"Export the evidence alone: platform-assets export {run} --out FILE.tar. It tells "
            "what was deleted.",
        )
    files.require_logged(run)
    require_exportable(platform, run, files, files.data)
    export_bundle(files, files.paths(), out)
    exported = open_bundle(out).paths()
    size = sum(
        f.stat().st_size for f in ([out] if out.is_file() else out.rglob("*")) if f.is_file()
    )
    return {
        "run_id": str(run),
        "out": str(out),
        "files": len(exported),
        "size": size,
        "with_data": with_data,
    }
