"""The evidence of a closed run: one signed statement that lists every file by size and SHA-256.

``bundle.json`` is a statement over the manifests of the run's products. It holds the verdict on every
requirement, the policy of every product, the totals, and two lists of files: the records with what the
closure wrote beside them, and the data. The seal names the digest of ``bundle.json``, and everything
else hangs on it. All of it follows from the run's records, so that a verifier can build it again.

Paths in an exported bundle are those of the store; only the files of `ROOT_FILES` and, where there is
one, of `OPTIONAL_ROOT_FILES` stand at its root.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest_bytes
from platform_assets.flow.foreign import consulted_manifests
from platform_assets.flow.requirements import unmet
from platform_assets.flow.requirements_of_counts import gap_length
from platform_assets.flow.requirements_of_proofs import permit_of
from platform_assets.flow.signing import CLOSURE, EVIDENCE, Statement, Subject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from platform_assets.flow.requirements import Requirement
    from platform_assets.flow.run_records import RunRecords

SEAL_FILE = "seal.json"
BUNDLE_FILE = "bundle.json"
#: The run's entry in the log of closures, and the proof that the log's signed checkpoint covers it.
LOG_ENTRY_FILE = "log-entry.json"
LOG_PROOF_FILE = "inclusion.tlog-proof"
#: What stands at the root of every exported bundle.
ROOT_FILES = (SEAL_FILE, BUNDLE_FILE, LOG_ENTRY_FILE, LOG_PROOF_FILE)
#: What stands at the root where there is such a thing; each has its own check in `verification`.
TEARDOWN_FILE = "teardown.json"
SUPERSEDED_FILE = "superseded.json"
OPTIONAL_ROOT_FILES: tuple[str, ...] = (TEARDOWN_FILE, SUPERSEDED_FILE)
FileEntry = dict[str, Any]


def bundle_predicate(
    records: RunRecords,
    requirements: Sequence[Requirement],
    written: Mapping[str, bytes],
    *,
    closed_at: str,
    code: Mapping[str, Any],
    keys: Sequence[str],
    log: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the evidence of a run whose requirements are all satisfied.

    Args:
        records: the run's records.
        requirements: the verdict on each requirement.
        written: path -> bytes of what the closure wrote: report, provenance, public keys.
        closed_at: the moment of the closure, RFC 3339.
        code: the identity of the code that closes.
        keys: the ids of all keys whose signatures the evidence holds.
        log: the closure log that the run is to enter: its ``origin``, the ``key`` that signs its
            checkpoints, and its ``size`` when the evidence was written, before the run's entry.

    Raises:
        RuntimeError: a requirement is not satisfied or was not evaluated.
    """
    open_points = [requirement.name for requirement in unmet(requirements)]
    if open_points or records.anchors is None:
        raise RuntimeError(f"{records.run} is not to be closed: {', '.join(open_points)}")
    files = {**records.documents, **written}
    return {
        "record": "bundle",
        "version": 1,
        "run_id": str(records.run),
        "config_digest": records.anchors.value["config_digest"],
        "feed": records.run.feed,
        "epoch": records.epoch,
        "nonce": records.nonce,
        "closed_at": closed_at,
        "requirements": [requirement.as_json() for requirement in requirements],
        "products": {product: _product(records, product) for product in records.outputs()},
        "consumers": {
            name: {"generation": c.value["generation"], "consumption_digest": c.digest}
            for name in records.declaration.get("consumers", ())
            if (c := records.consumption(name)) is not None
        },
        "totals": totals(records),
        "records": [file_entry(path, files[path]) for path in sorted(files)],
        "data": data_files(records),
        "code": dict(code),
        "keys": sorted(keys),
        "log": dict(log),
    }


def bundle_statement(predicate: Mapping[str, Any], records: RunRecords) -> Statement:
    """Return the statement that is signed as ``bundle.json``: its subjects are the manifests."""
    manifests = [records.manifest(product) for product in predicate["products"]]
    subjects = tuple(Subject(m.path, m.digest) for m in manifests if m is not None)
    return Statement(EVIDENCE, subjects, predicate)


def seal_statement(predicate: Mapping[str, Any], bundle: bytes, sealed_at: str) -> Statement:
    """Return the statement that is signed as the seal of exactly these evidence bytes."""
    digest = digest_bytes(bundle)
    seal = {key: predicate[key] for key in ("version", "run_id", "config_digest", "epoch", "nonce")}
    return Statement(
        CLOSURE,
        (Subject(BUNDLE_FILE, digest),),
        {
            **seal,
            "record": "seal",
            "verdict": "CLOSED",
            "bundle_digest": digest,
            "sealed_at": sealed_at,
        },
    )


def totals(records: RunRecords) -> dict[str, int]:
    """Return delivered, admitted, duplicate, quarantined and gaps over all streams."""
    found = dict.fromkeys(("delivered", "admitted", "duplicate", "quarantined", "gaps"), 0)
    for document in records.own("admission"):
        for key in ("delivered", "admitted", "duplicate", "quarantined"):
            found[key] += document.value[key]
    for document in records.own("landing"):
        found["gaps"] += sum(gap_length(partition) for partition in document.value["partitions"])
    return found


def data_files(records: RunRecords) -> list[FileEntry]:
    """Return every file of data that a replay of the run needs, by path.

    That is what the run's receipts and newest manifests name, and the parts of every product of other
    runs that the run consulted: whoever holds all of it needs no other run's export.
    """
    folder = f"runs/{records.run}"
    parts = [part for d in records.own("landing") for part in d.value["parts"]]
    for document in records.own("admission"):
        admission = document.value
        tables = (*admission["events"].values(), admission["duplicates"], admission["quarantine"])
        parts += [part for table in tables for part in table["parts"]]
    files = {f"{folder}/{part['path']}": part for part in parts}
    own = [records.manifest(product) for product in records.outputs()]
    for manifest in (*own, *consulted_manifests(records)):
        if manifest is not None and not manifest.problem:
            generation = manifest.path.rpartition("/")[0]
            files |= {f"{generation}/{part['name']}": part for part in manifest.value["parts"]}
    return [
        {"path": path, "size": files[path]["size"], "sha256": files[path]["sha256"]}
        for path in sorted(files)
    ]


def file_entry(path: str, data: bytes) -> FileEntry:
    """Return a file as the evidence lists it."""
    return {"path": path, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _product(records: RunRecords, product: str) -> dict[str, Any]:
    permit = permit_of(records, product)
    return {
        "generation": permit.generation,
        "manifest_digest": permit.manifest_digest,
        "certificate_digest": permit.certificate_digest,
        "policy": dict(records.policies[product]),
    }
