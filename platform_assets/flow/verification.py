"""Verification of a run's evidence, offline, from the bundle alone.

It reports every finding, not the first, and a bundle is good only when there is none:

1. The container is exactly what an export writes: no byte of it is outside what is checked.
2. The seal is one canonical, signed statement and names this bundle's digest, run, epoch and nonce.
3. The bundle is one canonical, signed statement.
4. Every listed file is there with its size and SHA-256, and no other file is; of the data either all
   or nothing is there, but for parts that a signed teardown deleted.
5. Every record is canonical, valid for its schema, and of the run, name and number that its path says.
6. Every requirement, judged again from the records, comes to the same words: anchors and their chain,
   landing and admission arithmetic, certificates, manifests, consumption, scope, claim.
7. The evidence, built again from the records, is the evidence.
8. Provenance and model signature of every product are signed and say what the records say.
9. The log of closures holds the run: its entry names this bundle, and a signed checkpoint covers it.
10. Where a record says that a later run superseded this one, it is signed and about this bundle. That
    is a fact and no finding: what this run was it still is.

The verifier trusts the keys that it is given. With the bundle's own keys it proves only that the bundle
is whole and consistent, and the result says that the key is self-asserted.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from platform_assets.canonical import digest_bytes
from platform_assets.contracts.records import check_record
from platform_assets.errors import PlatformError, VerificationFailed
from platform_assets.flow.evidence import (
    BUNDLE_FILE,
    LOG_ENTRY_FILE,
    LOG_PROOF_FILE,
    OPTIONAL_ROOT_FILES,
    ROOT_FILES,
    SEAL_FILE,
    SUPERSEDED_FILE,
    TEARDOWN_FILE,
)
from platform_assets.flow.requirements_of_secrets import found_since, stated_detector
from platform_assets.flow.signing import CLOSURE, EVIDENCE, SignedStatement, open_statement
from platform_assets.flow.supersession import relations
from platform_assets.flow.teardown_proof import TornDown, torn_down
from platform_assets.flow.verification_of_log import PlaceInLog, place_in_log
from platform_assets.flow.verification_of_records import record_findings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from platform_assets.flow.checkpoint import Given, LogKey
    from platform_assets.ports.signer import Trust


_ROOTS = {"seal": (SEAL_FILE, CLOSURE), "bundle": (BUNDLE_FILE, EVIDENCE)}


class BundleFiles(Protocol):
    """The files of a bundle, wherever it stands."""

    def problems(self) -> Sequence[tuple[str, str]]:
        """Return pairs of place and problem for whatever no export would have written."""
        ...

    def paths(self) -> Sequence[str]:
        """Return the paths of all files, sorted."""
        ...

    def read(self, path: str) -> bytes:
        """Return the bytes of a file that `paths` names."""
        ...

    def fingerprints(self, paths: Iterable[str]) -> Mapping[str, tuple[int, str]]:
        """Return size and SHA-256 (hex) of files that `paths` names, without holding them."""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not verify: where, and what."""

    where: str
    problem: str


@dataclass(frozen=True, slots=True)
class Verification:
    """The result: every finding, and what the evidence says where it could be opened."""

    run_id: str
    findings: tuple[Finding, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    place: PlaceInLog | None = None

    @property
    def ok(self) -> bool:
        """True only where nothing was found wrong."""
        return not self.findings

    def with_checkpoints(
        self, given: Sequence[tuple[str, Given]], problems: Iterable[tuple[str, str]]
    ) -> Verification:
        """Return the verification with what was found of checkpoints from elsewhere."""
        if not given:
            return self
        found = tuple(Finding(*each) for each in problems)
        consistent = [] if found else [name for name, _ in given]
        facts = {**self.facts, "consistent_with": consistent} if self.facts else self.facts
        return replace(self, findings=(*self.findings, *found), facts=facts)

    def require(self) -> Verification:
        """Return the verification, if it is good.

        Raises:
            VerificationFailed: it is not; the error lists every finding.
        """
        if self.findings:
            raise VerificationFailed(
                f"evidence of {self.run_id or 'an unknown run'}",
                expected="evidence without any finding",
                found="; ".join(f"{f.where}: {f.problem}" for f in self.findings),
                remedy="Get the evidence from another copy; this one proves nothing.",
            )
        return self


def verify(
    files: BundleFiles,
    trust: Trust,
    *,
    self_asserted: bool,
    needs_data: bool = False,
    log_keys: Sequence[LogKey] = (),
) -> Verification:
    """Verify a bundle under the trusted keys.

    Args:
        files: the files of the bundle.
        trust: the keys whose signatures count.
        self_asserted: whether those keys came with the bundle.
        needs_data: whether the data has to be there, as it has in the store of the run.
        log_keys: keys of the log that count besides the one that the evidence names.
    """
    findings = [Finding(where, problem) for where, problem in files.problems()]  # 1
    paths = set(files.paths())
    seal, found = _opened(files, "seal", trust)  # 2
    bundle, also_found = _opened(files, "bundle", trust)  # 3
    findings += [*found, *also_found]
    if bundle is None:
        claimed = seal.predicate["run_id"] if seal else ""
        return Verification(claimed, tuple(findings))
    evidence, bundle_digest = bundle.predicate, digest_bytes(files.read(BUNDLE_FILE))
    if seal is not None:
        findings += _seal_findings(seal, evidence, bundle_digest)
    with_data = needs_data or any(entry["path"] in paths for entry in evidence["data"])
    statements = files.read(TEARDOWN_FILE) if TEARDOWN_FILE in paths else None
    removed = torn_down(statements, evidence, bundle_digest, trust)
    findings += [Finding(*found) for found in removed.problems]
    sound = _listed(files, paths, evidence, findings, removed, with_data=with_data)  # 4
    documents = {
        entry["path"]: sound[entry["path"]]
        for entry in evidence["records"]
        if entry["path"] in sound
    }
    findings += [Finding(*found) for found in record_findings(bundle, documents, trust)]  # 5 to 8
    newer = files.read(SUPERSEDED_FILE) if SUPERSEDED_FILE in paths else None
    related = relations(newer, evidence, bundle_digest, documents, trust)
    findings += [Finding(SUPERSEDED_FILE, problem) for problem in related.problems]  # 10
    of_log = {path: files.read(path) for path in (LOG_ENTRY_FILE, LOG_PROOF_FILE) if path in paths}
    place = place_in_log(of_log, evidence, bundle_digest, log_keys)  # 9
    findings += [Finding(*found) for found in place.problems]
    return Verification(
        evidence["run_id"],
        tuple(findings),
        {
            "feed": evidence["feed"],
            "closed_at": evidence["closed_at"],
            "bundle_digest": bundle_digest,
            "signed_by": sorted({*bundle.keyids, *(seal.keyids if seal else ())}),
            "keys": "self-asserted" if self_asserted else "given",
            "totals": evidence["totals"],
            "records": len(evidence["records"]),
            "data": sum(e["path"] in paths for e in evidence["data"])
            if with_data
            else "not included",
            "removed": removed.facts(),
            "secrets": found_since(sound, stated_detector(evidence["requirements"])),
            "log": place.facts(),
            "supersedes": related.supersedes,
            "superseded_by": related.superseded_by,
        },
        place,
    )


def _opened(
    files: BundleFiles, kind: str, trust: Trust
) -> tuple[SignedStatement | None, list[Finding]]:
    """Open the seal or the bundle, or say why it cannot be opened."""
    path, predicate_type = _ROOTS[kind]
    if path not in files.paths():
        return None, [Finding(path, "absent")]
    try:
        statement = open_statement(
            files.read(path), trust, thing=path, predicate_type=predicate_type
        )
        check_record(statement.predicate, path)
    except PlatformError as error:
        problem = f"{error.code}: expected {error.expected}, found {error.found}"
        return None, [Finding(path, problem)]
    if statement.predicate["record"] != kind:
        return None, [Finding(path, f"a record of kind {statement.predicate['record']}")]
    return statement, []


def _seal_findings(
    seal: SignedStatement, evidence: Mapping[str, Any], bundle_digest: str
) -> Iterable[Finding]:
    subjects = [(s.name, s.digest) for s in seal.subjects]
    if subjects != [(BUNDLE_FILE, bundle_digest)]:
        yield Finding(SEAL_FILE, f"seals {subjects}, this bundle is {bundle_digest}")
    if seal.predicate["bundle_digest"] != bundle_digest:
        yield Finding(SEAL_FILE, f"names {seal.predicate['bundle_digest']}, not {bundle_digest}")
    for key in ("run_id", "config_digest", "epoch", "nonce"):
        if seal.predicate[key] != evidence[key]:
            yield Finding(SEAL_FILE, f"{key} {seal.predicate[key]}, the bundle has {evidence[key]}")


def _listed(
    files: BundleFiles,
    paths: set[str],
    evidence: Mapping[str, Any],
    findings: list[Finding],
    removed: TornDown,
    *,
    with_data: bool,
) -> dict[str, bytes]:
    """Compare the files with the lists and return the bytes of the records that are as listed."""
    entries = [*evidence["records"], *(evidence["data"] if with_data else ())]
    listed = {entry["path"]: entry for entry in entries}
    roots = {*ROOT_FILES, *OPTIONAL_ROOT_FILES}
    if len(listed) != len(entries) or roots & set(listed):
        findings.append(Finding(BUNDLE_FILE, "lists a file twice, or itself"))
    unlisted = sorted(paths - set(listed) - roots)
    findings += [Finding(path, "is not listed in the evidence") for path in unlisted]
    found = files.fingerprints(sorted(paths & set(listed)))
    sound = {}
    records = {entry["path"] for entry in evidence["records"]}
    for path, entry in listed.items():
        expected = (entry["size"], entry["sha256"])
        contradiction = removed.contradicts(path) if path in found else ""
        if path not in found:
            if not removed.explains(entry):
                findings.append(Finding(path, "absent"))
        elif contradiction:
            findings.append(Finding(path, contradiction))
        elif found[path] != expected:
            words = "{} bytes, sha256 {}"
            problem = f"expected {words.format(*expected)}, found {words.format(*found[path])}"
            findings.append(Finding(path, problem))
        elif path in records:
            sound[path] = files.read(path)
    return sound
