"""A realistic run's records, valid against the schemas, for reports to be made of."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.canonical import digest
from platform_assets.contracts.records import check_record
from platform_assets.reports.collect import collect

if TYPE_CHECKING:
    from platform_assets.reports.model import RunReport

RUN = "payments-00000002"
CONFIG = "sha256:" + hashlib.sha256(b"configuration").hexdigest()
_PINNED = {
    "authorisations": {
        "cluster": "lkc-1",
        "incarnation": "topic-7",
        "facts": {"leader_epoch": 4},
    },
}
_COUNTS = {
    "authorisations": [
        ("0", 48_211, 47_501, 402, 308),
        ("1", 51_003, 50_288, 411, 304),
        ("2", 49_620, 48_902, 399, 319),
        ("3", 51_166, 50_440, 418, 308),
    ],
    "reversals": [("0", 3_904, 3_868, 21, 15), ("1", 4_096, 4_057, 24, 15)],
}
_EVENTS = {
    "authorisations": {"authorisation": 197_131},
    "reversals": {"chargeback": 5_011, "refund": 2_914},
}
_REASONS = {
    "authorisations": {"INVALID_JSON": 240, "PAYLOAD_MISMATCH": 351, "MISSING_REQUIRED": 402}
    | {"WRONG_TYPE": 201, "DUPLICATE_KEY": 40, "LONE_SURROGATE": 5},
    "reversals": {"UNKNOWN_EVENT_TYPE": 18, "FORMAT_INVALID": 12},
}


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _head(kind: str) -> dict[str, Any]:
    return {"record": kind, "version": 1, "run_id": RUN, "config_digest": CONFIG}


def _part(path: str, rows: int) -> dict[str, Any]:
    return {"path": path, "size": rows * 61 + 900, "sha256": sha(path), "rows": rows}


def anchors_record() -> dict[str, Any]:
    return _head("anchors") | {
        "feed": "payments",
        "sequence": 2,
        "predecessor": "sha256:" + sha("anchors 1"),
        "pinned_at": "2026-03-01T08:00:00.120000Z",
        "streams": [
            {
                "stream": stream,
                "kind": "file_log",
                "partitions": [
                    {
                        "partition": name,
                        "start": 1_000_000 + 17 * index,
                        "end": 1_000_000 + 17 * index + delivered + (2 if name == "3" else 0),
                        "origin": "earliest" if name == "3" else "predecessor",
                        **_PINNED.get(stream, {"incarnation": ""}),
                    }
                    for index, (name, delivered, *_) in enumerate(partitions)
                ],
            }
            for stream, partitions in _COUNTS.items()
        ],
    }


def landing_record(anchors: dict[str, Any], stream: str) -> dict[str, Any]:
    anchored = next(each for each in anchors["streams"] if each["stream"] == stream)
    partitions = []
    for part, (_, delivered, *_rest) in zip(anchored["partitions"], _COUNTS[stream], strict=True):
        gap = {
            "start": part["start"] + 500,
            "end": part["start"] + 502,
            "kind": "transaction_control",
            "proof": "the broker's control batch at 1000551",
        }
        missing = part["end"] - part["start"] - delivered
        partitions.append(
            {
                "partition": part["partition"],
                "start": part["start"],
                "end": part["end"],
                "delivered": delivered,
                "gaps": [gap] if missing else [],
            }
        )
    delivered = sum(each["delivered"] for each in partitions)
    return _head("landing") | {
        "stream": stream,
        "anchors_digest": digest(anchors),
        "partitions": partitions,
        "delivered": delivered,
        "bytes": delivered * 304,
        "parts": [_part(f"landing/{stream}/part-00000.parquet", delivered)],
    }


def admission_record(landing: dict[str, Any]) -> dict[str, Any]:
    stream = landing["stream"]
    names = ("partition", "delivered", "admitted", "duplicate", "quarantined")
    partitions = [dict(zip(names, each, strict=True)) for each in _COUNTS[stream]]
    totals = {name: sum(each[name] for each in partitions) for name in names[1:]}
    counted = {name: {"rows": totals[name], "parts": []} for name in ("duplicate", "quarantined")}
    return (
        _head("admission")
        | totals
        | {
            "stream": stream,
            "landing_digest": digest(landing),
            "partitions": partitions,
            "reasons": _REASONS[stream],
            "events": {name: {"rows": rows, "parts": []} for name, rows in _EVENTS[stream].items()},
            "duplicates": counted["duplicate"],
            "quarantine": counted["quarantined"],
            "judged": {"columnar": totals["delivered"] - 1_400, "one_by_one": 1_400},
            "horizon": [],
        }
    )


def code_identity() -> dict[str, Any]:
    return {
        "package": "platform-assets 0.1.0",
        "revision": sha("revision")[:40],
        "image": None,
        "engines": {"duckdb": "2.0.0", "polars": "2.1.0", "pyarrow": "26.0.1", "python": "3.11.7"},
    }


def manifest_record(product: str, kind: str, producer: str, rows: int) -> dict[str, Any]:
    parts = [
        {"name": f"part-{n:05d}.parquet", "size": 2_011_845 + n, "rows": size}
        | {"sha256": sha(f"{product}{n}")}
        for n, size in enumerate([rows - rows // 3, rows // 3])
    ]
    columns = [("event_id", "string", False), ("account_id", "string", False)]
    columns += [("amount", {"decimal": [18, 2]}, False), ("occurred_at", "timestamp", False)]
    columns += [
        ("merchant", {"struct": [{"name": "id", "type": "string", "nullable": False}]}, True)
    ]
    return _head("manifest") | {
        "product": product,
        "generation": 2 if product == "refunds" else 1,
        "producer": {"kind": kind, "name": producer},
        "columns": [{"name": n, "type": t, "nullable": null} for n, t, null in columns],
        "sort": ["account_id", "occurred_at", "event_id"],
        "key": ["event_id"] if kind == "consumer" else [],
        "rows": rows,
        "content_digest": "sha256:" + sha("content" + product),
        "parts": parts,
        "inputs": [{"kind": "admission", "name": producer, "digest": "sha256:" + sha(producer)}],
        "code": code_identity(),
    }


def certificate_record(manifest: dict[str, Any], second: int) -> dict[str, Any]:
    rows, content = f"{manifest['rows']:,}", manifest["content_digest"]
    checks = [
        ("schema", "schema", "5 columns", "5 columns as in the manifest", ""),
        ("row_count_reconciles", "row_count_reconciles", f"{rows} rows", f"{rows} rows", ""),
        ("unique_event_id", "unique", "0 repeated", "0 repeated", "columns event_id"),
        ("sorted", "sorted", "in order", "account_id, occurred_at, event_id", ""),
        (
            "range_amount",
            "range",
            "0.50 to 8,411.09",
            "0.01 to 1000000",
            "0 outside",
        ),
        ("mostly_approved", "allowed_values", "0.1041 outside", "at most 0.2", "00"),
        ("digest", "digest", f"{content} of {rows} rows", content, ""),
    ]
    names = ("name", "check", "observed", "expected", "detail")
    return _head("certificate") | {
        "product": manifest["product"],
        "generation": manifest["generation"],
        "manifest_digest": digest(manifest),
        "policy_digest": "sha256:" + sha("policy" + manifest["product"]),
        "verdict": "PASS",
        "checks": [{"outcome": "PASS"} | dict(zip(names, check, strict=True)) for check in checks],
        "consulted": [],
        "issued_at": f"2026-03-01T08:00:{second:02d}.500000Z",
    }


def consumption_record(
    consumer: str, manifests: dict[str, Any], reads: list[tuple[str, str]]
) -> dict[str, Any]:
    return _head("consumption") | {
        "consumer": consumer,
        "generation": 1,
        "inputs": [
            {
                "product": product,
                "run_id": run,
                "generation": 1,
                "manifest_digest": digest(manifests[product]),
                "certificate_digest": "sha256:" + sha(f"certificate {product} {run}"),
                "rows": manifests[product]["rows"],
            }
            for product, run in reads
        ],
        "output": {
            "product": consumer,
            "generation": 1,
            "manifest_digest": digest(manifests[consumer]),
        },
        "recorded_at": "2026-03-01T08:00:09.750000Z",
    }


def quarantine_samples() -> list[dict[str, Any]]:
    whole = (
        b'{"type":"authorisation","event_id":"auth-1","pan":"4929123456781234","amount":987654321,'
        b'"holder":{"email":"alice@example.org","tags":["hunter2-secret","b","c","d","e"]},'
        b'"4929123456781234":true,"city":"Z\xc3\xbcrich-7","note":null}'
    )
    torn = b'{"type":"authorisation","pan":"4929123456781234","holder":{"email":"alice@exam'
    reasons = [
        {"code": "MISSING_REQUIRED", "where": "", "detail": "currency is required"},
        {"code": "WRONG_TYPE", "where": "/amount", "detail": "expected string, found integer"},
    ]
    return [
        _sample(("reversals", "0", 77), b"", "EMPTY_RECORD"),
        _sample(("authorisations", "0", 1_000_017), whole)
        | {"event": "authorisation", "reasons": reasons},
        _sample(("authorisations", "1", 1_002_400), torn, "INVALID_JSON"),
        _sample(("authorisations", "1", 1_002_401), b"\xff\xfe hunter2-secret", "INVALID_UTF8"),
        _sample(("authorisations", "2", 1_004_001), None, "NULL_VALUE"),
    ]


def _sample(position: tuple[str, str, int], value: bytes | None, code: str = "") -> dict[str, Any]:
    names = ("stream", "partition", "offset")
    reasons = [{"code": code, "where": "", "detail": ""}]
    return dict(zip(names, position, strict=True)) | {
        "event": None,
        "value": value,
        "reasons": reasons,
    }


def run_records() -> dict[str, Any]:
    """Return the keyword arguments of `collect` for one closed run."""
    anchors = anchors_record()
    landings = {stream: landing_record(anchors, stream) for stream in _COUNTS}
    admissions = {stream: admission_record(landing) for stream, landing in landings.items()}
    manifests = {
        name: manifest_record(name, kind, producer, rows)
        for name, kind, producer, rows in [
            ("authorisations", "event", "authorisation", 197_131),
            ("chargebacks", "event", "chargeback", 5_011),
            ("refunds", "event", "refund", 2_914),
            ("account_activity", "consumer", "account_activity", 20_412),
            ("decisions", "consumer", "decisions", 197_131),
        ]
    }
    certificates = {
        name: certificate_record(manifest, 3 + index)
        for index, (name, manifest) in enumerate(manifests.items())
    }
    earlier = "payments-00000001"
    consumptions = {
        "account_activity": consumption_record(
            "account_activity",
            manifests,
            [("authorisations", RUN), ("authorisations", earlier), ("chargebacks", RUN)],
        ),
        "decisions": consumption_record(
            "decisions", manifests, [("authorisations", RUN), ("account_activity", RUN)]
        ),
    }
    for record in (
        anchors,
        *landings.values(),
        *admissions.values(),
        *manifests.values(),
        *certificates.values(),
        *consumptions.values(),
    ):
        check_record(record, record["record"])
    return {
        "anchors": anchors,
        "landings": landings,
        "admissions": admissions,
        "manifests": manifests,
        "certificates": certificates,
        "certificate_digests": {n: "sha256:" + sha("certificate" + n) for n in certificates},
        "consumptions": consumptions,
        "requirements": [
            {"name": name, "satisfied": True, "detail": detail}
            for name, detail in [
                ("AnchorsPinned", "anchors payments/00000002 exist and precede every other record"),
                ("ChainUnbroken", "2 links from payments-00000001"),
                ("LandingReconciles", "2 of 2 streams: delivered plus gaps equals end minus start"),
                ("AdmissionReconciles", "208,000 delivered = 205,056 + 1,675 + 1,269"),
                ("EveryProductCertified", "5 of 5 products"),
                ("EveryConsumerRecorded", "2 of 2 consumers"),
                ("OneRunScope", "31 records, all of payments-00000002 or of closed runs"),
                ("OneConfigDigest", CONFIG),
                ("NoSecretFound", "no configured secret and no key material in 34 files"),
                ("HoldsClaim", "epoch 1"),
            ]
        ],
        "code": code_identity(),
        "keys": [(sha("key"), True)],
        "samples": quarantine_samples(),
        "epoch": 1,
        "closed_at": "2026-03-01T08:00:12.900000Z",
        "description": "Card authorisations with what is later charged back or refunded.",
    }


@pytest.fixture
def records() -> dict[str, Any]:
    return run_records()


@pytest.fixture
def view(records: dict[str, Any]) -> RunReport:
    return collect(**records)
