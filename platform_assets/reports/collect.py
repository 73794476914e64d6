"""Assembles the report of a run from the run's records.

The records were validated by whoever read them. What a record does not say is not made up: a product
without its certificate, a stream without its receipt or an empty set of requirements is a mistake of
the caller, because the closure has all of them before it writes evidence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest
from platform_assets.contracts.reasons import ReasonCode
from platform_assets.reports import redaction
from platform_assets.reports.collect_products import consumer_view, product_view
from platform_assets.reports.model import (
    CorrectionView,
    GapView,
    KeyView,
    MomentView,
    PartitionView,
    ReasonView,
    RecordView,
    RequirementView,
    RunReport,
    SampleView,
    SettlementView,
    StreamView,
)
from platform_assets.reports.wording import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from platform_assets.reports.drift_plots import DriftPlot

    Record = Mapping[str, Any]


def collect(
    *,
    anchors: Record,
    landings: Mapping[str, Record],
    admissions: Mapping[str, Record],
    manifests: Mapping[str, Record],
    certificates: Mapping[str, Record],
    certificate_digests: Mapping[str, str],
    consumptions: Mapping[str, Record],
    requirements: Sequence[Record],
    code: Record,
    keys: Iterable[tuple[str, bool]],
    samples: Iterable[Record],
    epoch: int,
    closed_at: str,
    description: str = "",
    samples_withheld: bool = False,
    drifts: Mapping[str, Sequence[DriftPlot]] | None = None,
) -> RunReport:
    """Return the values of a run's report.

    Args:
        anchors: the run's anchors record.
        landings: landing receipts by stream.
        admissions: admission receipts by stream.
        manifests: the manifest that stands, by product; outputs of consumers are products.
        certificates: the certificate record (not its envelope) by product.
        certificate_digests: digest of the signed certificate file by product.
        consumptions: consumption records by consumer.
        requirements: ``{name, satisfied, detail}`` of each requirement, as evaluated.
        code: code identity of the closer.
        keys: id of each signing key, and whether it is a development key.
        samples: rows of quarantine parts with ``stream, partition, offset, event, value, reasons``;
            the values are masked here and go no further.
        epoch: the epoch of the claim under which the report is written.
        closed_at: the moment of the closure, RFC 3339.
        description: what the feed's declaration says that it is.
        samples_withheld: whether no samples are given because a product of the feed is strict.
        drifts: by product, its columns beside their baselines.

    Raises:
        RuntimeError: a stream or product lacks one of its records.
    """
    names = [stream["stream"] for stream in anchors["streams"]]
    _refuse_missing("landing receipt", names, landings)
    _refuse_missing("admission receipt", names, admissions)
    _refuse_missing("certificate", list(manifests), certificates)
    streams = tuple(
        _stream_view(stream, landings[stream["stream"]], admissions[stream["stream"]])
        for stream in anchors["streams"]
    )
    return RunReport(
        corrects=_correction_view(anchors, landings),
        run_id=anchors["run_id"],
        feed=anchors["feed"],
        description=description,
        sequence=anchors["sequence"],
        config_digest=anchors["config_digest"],
        predecessor=anchors["predecessor"],
        epoch=epoch,
        closed_at=closed_at,
        pinned_at=anchors["pinned_at"],
        streams=streams,
        reasons=_reason_views(admissions),
        samples=tuple(_sample_view(sample) for sample in _in_order(samples)),
        products=tuple(
            product_view(
                manifest,
                certificates[name],
                certificate_digests[name],
                (drifts or {}).get(name, ()),
            )
            for name, manifest in manifests.items()
        ),
        consumers=tuple(consumer_view(record) for record in consumptions.values()),
        requirements=tuple(
            RequirementView(each["name"], each["satisfied"], each["detail"])
            for each in requirements
        ),
        timeline=_timeline(anchors, certificates, consumptions, closed_at),
        records=_records(anchors, landings, admissions),
        package=code["package"],
        revision=code["revision"],
        image=code["image"],
        engines=tuple(sorted(code["engines"].items())),
        keys=tuple(KeyView(keyid, development) for keyid, development in sorted(keys)),
        commands=_commands(anchors["run_id"], epoch),
        samples_withheld=samples_withheld,
    )


def _correction_view(anchors: Record, landings: Mapping[str, Record]) -> CorrectionView | None:
    named = anchors.get("supersedes")
    if named is None:
        return None
    copied = {name: landing.get("copied_from") for name, landing in sorted(landings.items())}
    return CorrectionView(
        run_id=named["run_id"],
        bundle_digest=named["bundle_digest"],
        reason=named["reason"],
        copied=tuple((name, each["because"]) for name, each in copied.items() if each),
    )


def _commands(run_id: str, epoch: int) -> tuple[str, ...]:
    evidence = f"runs/{run_id}/evidence/{epoch:04d}"
    return (
        "# where the platform runs",
        f"platform-assets verify {run_id}",
        f"platform-assets export {run_id} --out {run_id}.tar",
        "# anywhere, with a public key that you were given by other means",
        f"platform-assets verify {run_id}.tar --key KEY.pem",
        "# this page alone",
        f"sha256sum {evidence}/report.html {evidence}/bundle.json",
    )


def _refuse_missing(kind: str, names: Sequence[str], given: Mapping[str, Any]) -> None:
    missing = [name for name in names if name not in given]
    if missing:
        raise RuntimeError(f"the report needs the {kind} of {', '.join(missing)}")


def _pinned(anchor: Record) -> tuple[tuple[str, str], ...]:
    """Return what anchors say of a partition beside its range, in the order of the record."""
    found = {
        "cluster": anchor.get("cluster", ""),
        "id": anchor["incarnation"],
        "from": anchor.get("native_start", ""),
        "to": anchor.get("native_end", ""),
        "parents": ", ".join(anchor.get("parents", ())),
        "ended": "for good" if anchor.get("ended") else "",
        **{name.replace("_", " "): str(fact) for name, fact in anchor.get("facts", {}).items()},
    }
    return tuple((name, value) for name, value in found.items() if value)


def _stream_view(anchored: Record, landing: Record, admission: Record) -> StreamView:
    landed = {part["partition"]: part for part in landing["partitions"]}
    judged = {part["partition"]: part for part in admission["partitions"]}
    partitions = []
    for anchor in anchored["partitions"]:
        name = anchor["partition"]
        gaps = landed[name]["gaps"] if name in landed else ()
        counts = judged.get(name, {})
        partitions.append(
            PartitionView(
                partition=name,
                start=anchor["start"],
                end=anchor["end"],
                origin=anchor["origin"],
                pinned=_pinned(anchor),
                gaps=tuple(GapView(g["start"], g["end"], g["kind"], g["proof"]) for g in gaps),
                delivered=landed[name]["delivered"] if name in landed else 0,
                admitted=counts.get("admitted", 0),
                duplicate=counts.get("duplicate", 0),
                quarantined=counts.get("quarantined", 0),
            )
        )
    return StreamView(
        stream=anchored["stream"],
        kind=anchored["kind"],
        partitions=tuple(partitions),
        delivered=admission["delivered"],
        admitted=admission["admitted"],
        duplicate=admission["duplicate"],
        quarantined=admission["quarantined"],
        landed_bytes=landing["bytes"],
        events=tuple(sorted((name, e["rows"]) for name, e in admission["events"].items())),
        columnar=admission["judged"]["columnar"],
        one_by_one=admission["judged"]["one_by_one"],
        settled=_settlement_view(admission),
    )


def _settlement_view(admission: Record) -> SettlementView | None:
    settled = admission.get("settlement")
    if settled is None:
        return None
    consulted = tuple((given["number"], given["run_id"]) for given in settled["consulted"])
    return SettlementView(settled["number"], consulted)


def _reason_views(admissions: Mapping[str, Record]) -> tuple[ReasonView, ...]:
    per_code: dict[str, list[tuple[str, int]]] = {}
    for stream, admission in sorted(admissions.items()):
        for code, found in admission["reasons"].items():
            per_code.setdefault(code, []).append((stream, found))
    views = [
        ReasonView(code, meaning_of(code), sum(found for _, found in streams), tuple(streams))
        for code, streams in per_code.items()
    ]
    return tuple(sorted(views, key=lambda view: (-view.count, view.code)))


def meaning_of(code: str) -> str:
    """Return the documented meaning of a reason code; a code of a newer release has none here."""
    return ReasonCode(code).meaning if code in ReasonCode.__members__ else "(not known here)"


def _in_order(samples: Iterable[Record]) -> list[Record]:
    return sorted(samples, key=lambda s: (s["stream"], s["partition"], int(s["offset"])))


def _sample_view(sample: Record) -> SampleView:
    value: bytes | None = sample["value"]
    return SampleView(
        stream=sample["stream"],
        partition=sample["partition"],
        offset=sample["offset"],
        event=sample["event"] or "",
        size=None if value is None else len(value),
        reasons=tuple(
            (
                reason["code"],
                redaction.mask_pointer(reason["where"] or ""),
                redaction.mask_detail(reason["detail"] or "", value),
            )
            for reason in sample["reasons"]
        ),
        masked=redaction.mask_record(value),
    )


def _timeline(
    anchors: Record,
    certificates: Mapping[str, Record],
    consumptions: Mapping[str, Record],
    closed_at: str,
) -> tuple[MomentView, ...]:
    moments = [(anchors["pinned_at"], 0, "Offsets pinned; nothing was read before")]
    moments += [
        (record["issued_at"], 1, f"{name} certified {record['verdict']}")
        for name, record in certificates.items()
    ]
    moments += [
        (record["recorded_at"], 2, f"{name} recorded what it had read")
        for name, record in consumptions.items()
    ]
    moments.append((closed_at, 3, "Requirements evaluated, evidence written"))
    return tuple(MomentView(at, what) for at, _, what in sorted(moments))


def _records(
    anchors: Record, landings: Mapping[str, Record], admissions: Mapping[str, Record]
) -> tuple[RecordView, ...]:
    views = [
        RecordView(
            "configuration", anchors["feed"], anchors["config_digest"], "feed and contracts"
        ),
        RecordView("anchors", anchors["run_id"], digest(anchors), "the pinned offsets"),
    ]
    if anchors["predecessor"]:
        note = "the anchors before these in the feed's log"
        views.append(RecordView("predecessor", anchors["feed"], anchors["predecessor"], note))
    if "supersedes" in anchors:
        named, note = anchors["supersedes"], "the evidence of the run that this one corrects"
        views.append(RecordView("superseded", named["run_id"], named["bundle_digest"], note))
    for stream, landing in sorted(landings.items()):
        records = plural(landing["delivered"], "record")
        note = f"{records} as delivered, in {plural(len(landing['parts']), 'part')}"
        views.append(RecordView("landing", stream, digest(landing), note))
    for stream, admission in sorted(admissions.items()):
        note = f"{admission['admitted']:,} admitted of {admission['delivered']:,}"
        views.append(RecordView("admission", stream, digest(admission), note))
    return tuple(views)
