"""The evidence that a replay is held against: verified, opened, and its files within reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.archive import open_bundle
from platform_assets.adapters.extracted_bundle import ExtractedBundle
from platform_assets.adapters.key_files import KeyTrust
from platform_assets.flow.attestations import evidence_folder
from platform_assets.flow.evidence import BUNDLE_FILE
from platform_assets.flow.run_records import RunRecords
from platform_assets.flow.signing import EVIDENCE, open_statement
from platform_assets.identifiers import RunId
from platform_assets.pipeline import layout
from platform_assets.pipeline.stored_bundle import StoredBundle, verify_run
from platform_assets.pipeline.verify import bundled_keys, trust_in, verify_bundle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from platform_assets.flow.verification import BundleFiles
    from platform_assets.pipeline.overlay import Lower
    from platform_assets.pipeline.platform import Platform
    from platform_assets.ports.signer import Trust


@dataclass(frozen=True, slots=True)
class Evidence:
    """A run's verified evidence.

    Attributes:
        records: the run's records, of which its requirements are judged.
        data: the paths of all data that the evidence lists.
        paths: the paths of all files that are there.
        lower: reads them.
        facts: what the verification says of the evidence.
    """

    records: RunRecords
    data: Sequence[str]
    paths: frozenset[str]
    lower: Lower
    facts: Mapping[str, Any]

    def consulted(self) -> list[str]:
        """Return the parts of other runs."""
        own = f"{layout.run_folder(self.records.run)}/"
        return [path for path in self.data if not path.startswith(own)]

    def landed(self) -> list[str]:
        """Return the parts that the run landed."""
        return [path for path in self.data if path.startswith(self._landing)]

    def shown(self, *, landing: bool) -> frozenset[str]:
        """Return what a rebuild may see: nothing that the run made, but for its landing if asked."""
        run = self.records.run
        own = (f"{layout.run_folder(run)}/", f"revocations/{run}/")
        known = {*self.records.documents, *self.data} & self.paths
        return frozenset(
            path
            for path in known
            if not path.startswith(own) or (landing and self._is_landed(path))
        )

    def _is_landed(self, path: str) -> bool:
        return path.startswith(self._landing) or path == layout.staging_key_path(self.records.run)

    @property
    def _landing(self) -> str:
        return f"{layout.run_folder(self.records.run)}/landing/"


def stored_evidence(platform: Platform, run: RunId, trust: Trust | None) -> Evidence:
    """Verify and open the evidence of a closed run in its home.

    Raises:
        RunOpen: the run is open.
        VerificationFailed: it does not verify.
    """
    verified = verify_run(platform, run, trust).require()
    files = StoredBundle(platform, run, with_data=True)
    return _opened(files, files, trust or platform.trust, verified.facts)


def open_evidence(path: Path, keys: Sequence[Path], folder: Path) -> Evidence:
    """Verify and open exported evidence; files that engines read are copied into a folder.

    Raises:
        BundleUnreadable: there is no bundle at the path.
        VerificationFailed: it does not verify.
    """
    verified = verify_bundle(path, keys).require()
    files = open_bundle(path)
    trust = trust_in(keys) if keys else KeyTrust(bundled_keys(files))
    return _opened(files, ExtractedBundle(files, folder), trust, verified.facts)


def _opened(files: BundleFiles, lower: Lower, trust: Trust, facts: Mapping[str, Any]) -> Evidence:
    bundle = files.read(BUNDLE_FILE)
    evidence = open_statement(bundle, trust, thing=BUNDLE_FILE, predicate_type=EVIDENCE).predicate
    written = evidence_folder(evidence["run_id"], evidence["epoch"])
    records = RunRecords(
        run=RunId.parse(evidence["run_id"]),
        documents={
            entry["path"]: files.read(entry["path"])
            for entry in evidence["records"]
            if not entry["path"].startswith(written)
        },
        policies={name: product["policy"] for name, product in evidence["products"].items()},
        epoch=evidence["epoch"],
        nonce=evidence["nonce"],
        trust=trust,
    )
    return Evidence(
        records=records,
        data=[entry["path"] for entry in evidence["data"]],
        paths=frozenset(files.paths()),
        lower=lower,
        facts=facts,
    )
