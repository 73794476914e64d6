"""The closures of a lane's runs, opened from the lane's evidence.

A run of the lane is closed if its seal is signed by the key that the pin names, says CLOSED, and seals
exactly the evidence that stands beside it, which is of that run and signed by the same key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.key_files import KeyTrust, keyid_of
from platform_assets.canonical import digest_bytes
from platform_assets.contracts.records import check_record
from platform_assets.errors import PlatformError, RecordInvalid, SettingsInvalid
from platform_assets.flow.evidence import BUNDLE_FILE
from platform_assets.flow.signing import CLOSURE, EVIDENCE, Subject, open_statement
from platform_assets.lanes.evidence_files import key_path, run_paths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.flow.signing import SignedStatement
    from platform_assets.flow.verification import BundleFiles
    from platform_assets.lanes.measured_files import Problem
    from platform_assets.ports.signer import Trust


def trust_in_key_of(keyid: str, files: BundleFiles) -> KeyTrust:
    """Trust the key of an id, which stands in the evidence; nobody where it does not."""
    path = key_path(keyid)
    pem = files.read(path) if path in files.paths() else b""
    try:
        sound = keyid_of(pem) == keyid
    except SettingsInvalid:
        sound = False
    return KeyTrust([(path, pem)] if sound else [])


@dataclass(frozen=True, slots=True)
class SealedRun:
    """The evidence of a run whose closure verifies, and the digest of its bytes."""

    bundle: Mapping[str, Any]
    digest: str


def sealed_run(
    run_id: str, files: BundleFiles, trust: Trust
) -> tuple[SealedRun | None, list[Problem]]:
    """Return the evidence of a closed run, or what is wrong with its closure."""
    seal_path, bundle_path = run_paths(run_id)
    absent = [path for path in (seal_path, bundle_path) if path not in files.paths()]
    if absent:
        return None, [(path, "absent") for path in absent]
    try:
        seal = _opened(files, seal_path, trust, CLOSURE, "seal")
        bundle = _opened(files, bundle_path, trust, EVIDENCE, "bundle")
    except PlatformError as error:
        problem = f"{error.code}: expected {error.expected}, found {error.found}"
        return None, [(error.thing, problem)]
    digest = digest_bytes(files.read(bundle_path))
    problems = [
        (path, f"is of {statement.predicate['run_id']}")
        for path, statement in ((seal_path, seal), (bundle_path, bundle))
        if statement.predicate["run_id"] != run_id
    ]
    if (seal.subjects, seal.predicate["bundle_digest"]) != (
        (Subject(BUNDLE_FILE, digest),),
        digest,
    ):
        problems.append((seal_path, f"seals {seal.predicate['bundle_digest']}, not {digest}"))
    return (None if problems else SealedRun(bundle.predicate, digest)), problems


def _opened(
    files: BundleFiles, path: str, trust: Trust, predicate_type: str, kind: str
) -> SignedStatement:
    statement = open_statement(files.read(path), trust, thing=path, predicate_type=predicate_type)
    record = check_record(dict(statement.predicate), path)
    if record["record"] != kind:
        raise RecordInvalid(
            path,
            expected=f"a record of kind {kind}",
            found=f"one of kind {record['record']}",
            remedy="Restore the file from a copy of the evidence; do not edit records.",
        )
    return statement
