"""Two small runs of one feed, closed, with every kind of record; the parts are plain bytes.

Nothing of the pipeline is used but its paths, so that the flow's verdicts can be tested on records of
our choosing. The second run continues the first, refers to it in every way, and is the one to judge.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from platform_assets.adapters.key_files import KeySigner, KeyTrust
from platform_assets.adapters.local_store import LocalStore
from platform_assets.canonical import canonical_bytes, digest, digest_bytes
from platform_assets.contracts.records import check_record
from platform_assets.flow.attestations import attestations, key_path
from platform_assets.flow.checkpoint import LogSigner, write_inclusion
from platform_assets.flow.closure import Closer, ClosureOf, Held, Patience, claim, seal
from platform_assets.flow.closure_log import Logged, append
from platform_assets.flow.evidence import bundle_predicate, bundle_statement, seal_statement
from platform_assets.flow.log_entries import Closed, Entry, read_entry
from platform_assets.flow.requirements import evaluate
from platform_assets.flow.run_records import RunRecords
from platform_assets.flow.signing import TEST_RESULT, Statement, Subject, sign_statement
from platform_assets.flow.steps import perform
from platform_assets.identifiers import RunId
from platform_assets.pipeline import layout
from platform_assets.pipeline.run_documents import gather
from platform_assets.ports.clock import SystemClock
from platform_assets_tests.simulators.log_key import log_in_memory

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LOG = log_in_memory()
NOW = "2026-01-01T00:00:00.000000Z"
FEED = "payments"
RUN = RunId(FEED, 2)
CODE = {"package": "0.1.0", "revision": None, "image": None, "engines": {"polars": "2.1"}}
DECLARATION: dict[str, Any] = {
    "feed": FEED,
    "streams": {"pay": {"events": {"auth": {"contract": "auth.json", "id": "id"}}}},
    "products": {"auths": {"event": "auth", "sort": ["id"]}},
    "consumers": {
        "scores": {
            "function": "m:f",
            "reads": [{"product": "auths", "history_runs": 1}],
            "contract": "scores.json",
        }
    },
}
CONFIGURATION: dict[str, Any] = {
    "record": "configuration",
    "version": 1,
    "feed": FEED,
    "declaration": DECLARATION,
    "contracts": {"auth.json": {"auth.json": {"type": "object"}}},
}
CONFIG = digest(CONFIGURATION)
POLICIES = {
    name: {
        "record": "policy",
        "version": 1,
        "product": name,
        "checks": [{"name": "schema", "check": "schema"}],
    }
    for name in ("auths", "scores")
}


def new_signer() -> KeySigner:
    return KeySigner(Ed25519PrivateKey.generate(), development=False)


@dataclass
class MemoryBundle:
    """A bundle that tests may change."""

    files: dict[str, bytes]

    def problems(self) -> list[tuple[str, str]]:
        return []

    def paths(self) -> list[str]:
        return sorted(self.files)

    def read(self, path: str) -> bytes:
        return self.files[path]

    def open(self, path: str) -> io.BytesIO:
        return io.BytesIO(self.files[path])

    def fingerprints(self, paths: Iterable[str]) -> dict[str, tuple[int, str]]:
        return {
            path: (len(self.files[path]), hashlib.sha256(self.files[path]).hexdigest())
            for path in paths
        }


@dataclass
class ClosedFeed:
    root: Path
    signer: KeySigner = field(default_factory=new_signer)

    def __post_init__(self) -> None:
        self.store = LocalStore(self.root)
        self.trust = KeyTrust([("own", self.signer.public_key_pem)])
        self.certificates: dict[tuple[RunId, str], str] = {}
        self.manifests: dict[tuple[RunId, str], str] = {}
        self.put(layout.configuration_path(CONFIG), CONFIGURATION)

    # --- one run ---------------------------------------------------------------------------------

    def process(self, run: RunId) -> None:
        """Write everything of a run up to its closure; 10 offsets, of which one is a gap."""
        anchors = self.anchors(run)
        landed = self.part(run, "landing/pay/part-00000.parquet", 9)
        landing = self.record("landing", run, stream="pay", anchors_digest=anchors)
        start = (run.sequence - 1) * 10
        landing |= {
            "partitions": [
                {
                    "partition": "0",
                    "start": start,
                    "end": start + 10,
                    "delivered": 9,
                    "gaps": [
                        {"start": start, "end": start + 1, "kind": "compacted", "proof": "topic"}
                    ],
                }
            ],
            "delivered": 9,
            "bytes": 900,
            "parts": [landed],
        }
        landing_digest = self.put(layout.landing_receipt_path(run, "pay"), landing)
        admission = self.put(
            layout.admission_receipt_path(run, "pay"), self.admission(run, landing_digest)
        )
        made_of = [{"kind": "admission", "name": "pay", "digest": admission}]
        self.product(run, "auths", {"kind": "event", "name": "auth"}, made_of, 6)
        self.consumer(run)

    def anchors(self, run: RunId) -> str:
        start = (run.sequence - 1) * 10
        before = run.predecessor
        record = self.record(
            "anchors",
            run,
            feed=FEED,
            sequence=run.sequence,
            predecessor=digest_bytes(self.store.read(layout.anchors_path(before)))
            if before
            else None,
            pinned_at=NOW,
            streams=[
                {
                    "stream": "pay",
                    "kind": "file_log",
                    "partitions": [
                        {
                            "partition": "0",
                            "start": start,
                            "end": start + 10,
                            "origin": "predecessor" if before else "earliest",
                            "incarnation": "",
                        }
                    ],
                }
            ],
        )
        return self.put(layout.anchors_path(run), record)

    def admission(self, run: RunId, landing_digest: str) -> dict[str, Any]:
        counts = {"delivered": 9, "admitted": 6, "duplicate": 2, "quarantined": 1}
        folder = "admission/pay"
        horizon = [
            {
                "run_id": str(run.predecessor),
                "product": "auths",
                "manifest_digest": self.manifests[run.predecessor, "auths"],
            }
            for _ in range(run.predecessor is not None)
        ]
        return {
            **self.record("admission", run, stream="pay", landing_digest=landing_digest),
            "version": 2,
            **counts,
            "partitions": [{"partition": "0", **counts}],
            "reasons": {"NOT_JSON": 1},
            "events": {
                "auth": {
                    **self.table(run, f"{folder}/auth/part-00000.parquet", 8),
                    "rows": 6,
                    "accepted": 8,
                }
            },
            "duplicates": self.table(run, f"{folder}/duplicates/part-00000.parquet", 2),
            "quarantine": self.table(run, f"{folder}/quarantine/part-00000.parquet", 1),
            "judged": {"columnar": 8, "one_by_one": 1},
            "horizon": horizon,
        }

    def product(
        self,
        run: RunId,
        product: str,
        producer: dict[str, str],
        inputs: list[dict[str, str]],
        rows: int,
    ) -> None:
        path = layout.manifest_path(run, product, 1)
        part = self.part(run, f"products/{product}/0001/part-00000.parquet", rows)
        part["name"] = part.pop("path").rpartition("/")[2]
        manifest = self.record(
            "manifest",
            run,
            product=product,
            generation=1,
            producer=producer,
            columns=[{"name": "id", "type": "string", "nullable": False}],
            sort=["id"],
            key=[],
            rows=rows,
            content_digest="sha256:" + "d" * 64,
            parts=[part],
            inputs=inputs,
            code=CODE,
        )
        self.manifests[run, product] = self.put(path, manifest)
        self.certify(run, product)

    def certify(self, run: RunId, product: str, outcome: str = "PASS", issue: int = 1) -> None:
        consulted = [
            {
                "product": "auths",
                "run_id": str(run.predecessor),
                "certificate_digest": self.certificates[run.predecessor, "auths"],
            }
            for _ in range(run.predecessor is not None)
        ]
        certificate = self.record(
            "certificate",
            run,
            product=product,
            generation=1,
            manifest_digest=self.manifests[run, product],
            policy_digest=digest(POLICIES[product]),
            verdict=outcome,
            checks=[
                {
                    "name": "schema",
                    "check": "schema",
                    "outcome": outcome,
                    "observed": "1 column",
                    "expected": "1 column",
                    "detail": "",
                }
            ],
            consulted=consulted,
            issued_at=NOW,
        )
        subject = Subject(layout.manifest_path(run, product, 1), self.manifests[run, product])
        statement = Statement(TEST_RESULT, (subject,), {"certificate": certificate})
        data = sign_statement(self.signer, statement)
        self.store.create(layout.certificate_path(run, product, 1, issue), data)
        self.certificates[run, product] = digest_bytes(data)

    def consumer(self, run: RunId) -> None:
        runs = [each for each in (run.predecessor, run) if each is not None]
        made_of = [
            {
                "kind": "certificate",
                "name": f"auths of {each}",
                "digest": self.certificates[each, "auths"],
            }
            for each in runs
        ]
        self.product(run, "scores", {"kind": "consumer", "name": "scores"}, made_of, 3)
        record = self.record(
            "consumption",
            run,
            consumer="scores",
            generation=1,
            inputs=[
                {
                    "product": "auths",
                    "run_id": str(each),
                    "generation": 1,
                    "manifest_digest": self.manifests[each, "auths"],
                    "certificate_digest": self.certificates[each, "auths"],
                    "rows": 6,
                }
                for each in runs
            ],
            output={
                "product": "scores",
                "generation": 1,
                "manifest_digest": self.manifests[run, "scores"],
            },
            recorded_at=NOW,
        )
        self.put(layout.consumption_path(run, "scores", 1), record)

    # --- closing ---------------------------------------------------------------------------------

    def claim(self, run: RunId) -> Held:
        closer = Closer(f"{run.sequence:032x}", "test", NOW)
        held = perform(
            claim(self.closure(run), closer, Patience(0, 0, 1)), self.store, SystemClock()
        )
        assert isinstance(held, Held)
        return held

    def closure(self, run: RunId) -> ClosureOf:
        return ClosureOf(layout.closure_folder(run), str(run), CONFIG)

    def records(self, run: RunId, held: Held, **changes: Any) -> RunRecords:
        given: dict[str, Any] = {
            "run": run,
            "documents": gather(self.store, run, held.epoch),
            "policies": POLICIES,
            "epoch": held.epoch,
            "nonce": held.nonce,
            "trust": self.trust,
        }
        return RunRecords(**{**given, **changes})

    def close(self, run: RunId) -> None:
        held = self.claim(run)
        records = self.records(run, held)
        keyid = self.signer.keyid
        written = {key_path(str(run), held.epoch, keyid): self.signer.public_key_pem}
        for path, statement in attestations(records).items():
            written[path] = sign_statement(self.signer, statement)
        written[f"{layout.evidence_folder(run, held.epoch)}/report.html"] = b"<p>report</p>"
        predicate = bundle_predicate(
            records,
            evaluate(records),
            written,
            closed_at=NOW,
            code=CODE,
            keys=[keyid],
            log={"origin": LOG.origin, "key": str(LOG.key), "size": run.sequence - 1},
        )
        check_record(predicate, "bundle")
        bundle = sign_statement(self.signer, bundle_statement(predicate, records))
        for path, data in written.items():
            self.store.create(path, data)
        self.store.create(f"{layout.evidence_folder(run, held.epoch)}/bundle.json", bundle)
        sealed = seal_statement(predicate, bundle, NOW)
        check_record(sealed.predicate, "seal")
        envelope = sign_statement(self.signer, sealed)
        perform(seal(self.closure(run), held, envelope), self.store, SystemClock())
        closed = Closed(str(run), CONFIG, digest_bytes(bundle), layout.closure_folder(run))
        logged = perform(append(closed, LOG), self.store, SystemClock())
        assert isinstance(logged, Logged)
        self.logged = read_entry(logged.entry)
        self.predicate = predicate

    def entry_of(self, bundle: bytes) -> Entry:
        """Return the entry that the last run would have in the log with other evidence."""
        run_id = self.logged.run_id
        closed = Closed(run_id, CONFIG, digest_bytes(bundle), f"runs/{run_id}/closure")
        return read_entry(closed.entry(self.logged.before))

    def bundle(self, run: RunId, *, with_data: bool = True) -> MemoryBundle:
        epoch = self.predicate["epoch"]
        listed = [*self.predicate["records"], *(self.predicate["data"] if with_data else ())]
        files = {entry["path"]: self.store.read(entry["path"]) for entry in listed}
        files["seal.json"] = self.store.read(self.closure(run).seal_path(epoch))
        folder = layout.evidence_folder(run, epoch)
        files["bundle.json"] = self.store.read(f"{folder}/bundle.json")
        files |= log_files(self.logged)
        return MemoryBundle(files)

    # --- records and parts -----------------------------------------------------------------------

    def record(self, kind: str, run: RunId, **fields: Any) -> dict[str, Any]:
        head = {"record": kind, "version": 1, "run_id": str(run), "config_digest": CONFIG}
        return {**head, **fields}

    def put(self, path: str, record: dict[str, Any]) -> str:
        data = canonical_bytes(check_record(record, path))
        self.store.create(path, data)
        return digest_bytes(data)

    def part(self, run: RunId, path: str, rows: int) -> dict[str, Any]:
        data = f"{run} {path}".encode() * 10
        self.store.create(f"{layout.run_folder(run)}/{path}", data)
        return {
            "path": path,
            "size": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "rows": rows,
        }

    def table(self, run: RunId, path: str, rows: int) -> dict[str, Any]:
        return {"rows": rows, "parts": [self.part(run, path, rows)]}


def log_files(entry: Entry, log: LogSigner = LOG) -> dict[str, bytes]:
    """The two files of an export that show an entry's place in the log."""
    proof = write_inclusion(
        entry.index - 1, entry.before.proof_of_next(), log.checkpoint(entry.tree)
    )
    return {"log-entry.json": entry.data, "inclusion.tlog-proof": proof}


def closed_feed(root: Path) -> ClosedFeed:
    """Return a feed of two closed runs."""
    feed = ready_feed(root)
    feed.close(RUN)
    return feed


def ready_feed(root: Path) -> ClosedFeed:
    """Return a feed whose first run is closed and whose second is ready to be."""
    feed = ClosedFeed(root)
    first = RunId(FEED, 1)
    feed.process(first)
    feed.close(first)
    feed.process(RUN)
    return feed
