"""The evidence of a closed run where it stands in the store: verified there, or exported from there.

Verification trusts no index and no memory: it reads the seal, the bundle and every file that the bundle
lists.
"""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from platform_assets.adapters.archive import export_bundle, open_bundle
from platform_assets.adapters.parts import sha256_file
from platform_assets.errors import DataRemoved, RunOpen
from platform_assets.flow.evidence import BUNDLE_FILE, SEAL_FILE, TEARDOWN_FILE
from platform_assets.flow.verification import verify
from platform_assets.pipeline.state import sealed_run
from platform_assets.pipeline.teardown_records import packed_statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

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
        listed = [*sealed.bundle["records"], *(sealed.bundle["data"] if with_data else ())]
        self._listed = [entry["path"] for entry in listed]

    def problems(self) -> Sequence[tuple[str, str]]:
        """Return nothing: a store has no container of its own."""
        return ()

    def paths(self) -> Sequence[str]:
        """Return what the evidence lists and the store holds."""
        return sorted([*self._own, *(path for path in self._listed if self._store.exists(path))])

    def read(self, path: str) -> bytes:
        """Return the bytes of one file."""
        return self._own[path] if path in self._own else self._store.read(path)

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
            return path, (self._store.stat(path).size, sha256_file(self._store.local_path(path)))

        with ThreadPoolExecutor() as pool:
            return dict(pool.map(fingerprint, paths))


def verify_run(platform: Platform, run: RunId, trust: Trust | None = None) -> Verification:
    """Verify a closed run in its home, data included, under the home's trusted keys or the given.

    Raises:
        RunOpen: the run is open.
        GateRefusal, EvidenceInconsistent: its seal does not verify at all.
    """
    files = StoredBundle(platform, run, with_data=True)
    return verify(files, trust or platform.trust, self_asserted=False, needs_data=True)


def export_run(
    platform: Platform, run: RunId, out: Path, *, with_data: bool = False
) -> dict[str, Any]:
    """Write the evidence of a closed run: a deterministic archive, or a folder.

    Raises:
        RunOpen: the run is open.
        AlreadyExists: something stands at the target.
        DataRemoved: the data is asked for, and a teardown deleted some of it.
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
