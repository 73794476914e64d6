"""What there is: the state of runs and of everything that they wrote, for people and for tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest
from platform_assets.errors import GateRefusal
from platform_assets.flow.gate_certificate import opened_certificate
from platform_assets.pipeline import layout
from platform_assets.pipeline.closure_log import is_logged
from platform_assets.pipeline.corrections import corrections_of
from platform_assets.pipeline.pinned_runs import runs
from platform_assets.pipeline.reading import verify_product
from platform_assets.pipeline.records import parse_record, read_record
from platform_assets.pipeline.standing import collect
from platform_assets.pipeline.state import is_closed, sealed_run
from platform_assets.pipeline.teardown_records import removed_of

if TYPE_CHECKING:
    from platform_assets.flow.gate import Found
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.corrections import Corrections
    from platform_assets.pipeline.platform import Platform

_COUNTS = ("delivered", "admitted", "duplicate", "quarantined")


def run_summaries(platform: Platform, feed: str) -> list[dict[str, Any]]:
    """Return one line on each run of a feed, earliest first."""
    corrections = corrections_of(platform, feed)
    return [run_summary(platform, run, corrections) for run in runs(platform, feed)]


def run_summary(
    platform: Platform, run: RunId, corrections: Corrections | None = None
) -> dict[str, Any]:
    """Return one line on a run: state, when it was pinned, counts so far, evidence, relations."""
    known = corrections if corrections is not None else corrections_of(platform, run.feed)
    anchors = platform.anchors(run)
    receipts = admission_receipts(platform, run, anchors)
    sealed = sealed_run(platform, run)
    return {
        "run_id": str(run),
        "state": "CLOSED" if sealed else "OPEN",
        "pinned_at": anchors["pinned_at"],
        "records": sum(
            int(p["end"]) - int(p["start"]) for s in anchors["streams"] for p in s["partitions"]
        ),
        **{name: sum(receipt[name] for receipt in receipts.values()) for name in _COUNTS},
        "bundle_digest": sealed.bundle_digest if sealed else None,
        "logged": is_logged(platform, run) if sealed else None,
        "report": report_path(platform, run, sealed.epoch) if sealed else None,
        "removed": removed_of(platform, run) if sealed else None,
        "supersedes": anchors.get("supersedes"),
        "superseded_by": superseding(platform, known, run),
    }


def superseding(platform: Platform, corrections: Corrections, run: RunId) -> dict[str, Any] | None:
    """Return the run that corrects a run, why, and whether it counts already; None for none."""
    newer = corrections.after(run)
    if newer is None:
        return None
    reason = platform.anchors(newer)["supersedes"]["reason"]
    return {"run_id": str(newer), "reason": reason, "closed": is_closed(platform, newer)}


def run_details(platform: Platform, run: RunId) -> dict[str, Any]:
    """Return everything on a run: anchors, receipts, products with their checks, consumption."""
    anchors = platform.anchors(run)
    declaration = platform.run_configuration(run).declaration
    return {
        **run_summary(platform, run),
        "config_digest": anchors["config_digest"],
        "anchors": {"digest": digest(anchors), "streams": anchors["streams"]},
        "admission": {
            stream: {
                **{key: receipt[key] for key in (*_COUNTS, "reasons", "partitions", "judged")},
                "settlement": receipt.get("settlement"),
            }
            for stream, receipt in admission_receipts(platform, run, anchors).items()
        },
        "products": {name: product_state(platform, run, name) for name in declaration.outputs()},
        "consumptions": consumptions(platform, run, list(declaration.consumers)),
    }


def admission_receipts(
    platform: Platform, run: RunId, anchors: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return the admission receipts that exist so far, by stream."""
    paths = {
        s["stream"]: layout.admission_receipt_path(run, s["stream"]) for s in anchors["streams"]
    }
    return {
        stream: read_record(platform.store, path, "admission")
        for stream, path in paths.items()
        if platform.store.exists(path)
    }


def product_state(platform: Platform, run: RunId, product: str) -> dict[str, Any]:
    """Return where a product stands: its manifest, its certificate, whether the gate opens it."""
    found = collect(platform, run, product)
    generation = found.generation
    state: dict[str, Any] = {"generation": generation, **_readable(platform, run, product)}
    if generation is None:
        return state
    if found.manifest is not None:
        path = layout.manifest_path(run, product, generation)
        manifest = parse_record(found.manifest, path, "manifest")
        state |= {key: manifest[key] for key in ("rows", "content_digest", "parts")}
        state["manifest_digest"] = digest(manifest)
    state["certificate"] = _certificate(platform, found)
    return state


def _certificate(platform: Platform, found: Found) -> dict[str, Any] | None:
    try:
        return opened_certificate(found.certificate or b"", platform.trust, found.thing)
    except GateRefusal:
        return None


def consumptions(platform: Platform, run: RunId, consumers: list[str]) -> dict[str, dict[str, Any]]:
    """Return the newest consumption record of each consumer that has one."""
    found = {}
    for consumer in consumers:
        generation = collect(platform, run, consumer).generation
        path = layout.consumption_path(run, consumer, generation or 1)
        if platform.store.exists(path):
            found[consumer] = read_record(platform.store, path, "consumption")
    return found


def report_path(platform: Platform, run: RunId, epoch: int) -> str:
    """Return the local file of a closed run's report."""
    return str(platform.store.local_path(f"{layout.evidence_folder(run, epoch)}/report.html"))


def _readable(platform: Platform, run: RunId, product: str) -> dict[str, Any]:
    try:
        verify_product(platform, run, product)
    except GateRefusal as error:
        return {"readable": False, "refusal": error.as_json()}
    return {"readable": True, "refusal": None}
