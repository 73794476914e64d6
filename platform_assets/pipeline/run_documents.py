"""Gathers the records that a run's closure is judged from, out of the store.

1. The run's anchors and those before them. 2. The configuration. 3. Every record in the run's folder,
of whatever generation; no data. 4. Claims and VOID seals up to the epoch under which the run is closed.
5. Of other runs that it refers to: anchors and those before them, seals, evidence, and the certificates
and manifests that were used; so the gate opens from these records alone what the run consulted. Of a
run that this one corrects also the landing receipts.
6. Revocations of its products. 7. The entries of settlement logs that its receipts refer to. 8. The
baselines that the policies of its products name, with those before them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest_bytes
from platform_assets.flow.foreign import claimed_products, references
from platform_assets.flow.places import Place, place_of
from platform_assets.flow.run_records import parse_document
from platform_assets.flow.settlements import evidence_span
from platform_assets.identifiers import RunId
from platform_assets.pipeline import layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from platform_assets.ports.store import Store

_BESIDE_CLOSURE = {
    "staging_key",
    "landing",
    "admission",
    "generation",
    "manifest",
    "certificate",
    "consumption",
}


def gather(store: Store, run: RunId, epoch: int) -> dict[str, bytes]:
    """Return path -> bytes of all records that the closure of a run under an epoch is judged from."""
    wanted = [layout.anchors_path(run)]  # 1
    if run.predecessor is not None:
        wanted.append(layout.anchors_path(run.predecessor))
    documents = _read(store, wanted)
    anchors = documents.get(layout.anchors_path(run))
    if anchors is not None:  # 2
        pinned = parse_document(layout.anchors_path(run), anchors).value
        if pinned:
            documents |= _read(store, [layout.configuration_path(pinned["config_digest"])])
    own = store.list(layout.run_folder(run))
    places = {path: place for path in own if (place := place_of(path)) is not None}
    documents |= _read(store, (p for p, at in places.items() if _belongs(at, epoch)))  # 3, 4
    documents |= _foreign(store, run, documents)  # 5
    documents |= _read(store, _corrected_landings(store, run, anchors))
    documents |= _read(store, _revocations(store, run))  # 6
    documents |= _read(store, _settlements(run, documents))  # 7
    return documents


def _belongs(place: Place, epoch: int) -> bool:
    match place.kind:
        case "claim":
            return place.number <= epoch
        case "seal":
            return place.number < epoch
        case kind:
            return kind in _BESIDE_CLOSURE


def gather_baselines(
    store: Store, feed: str, policies: Mapping[str, Mapping[str, Any]]
) -> dict[str, bytes]:
    """Return path -> bytes of the baselines that checks of drift name: step 8."""
    return _read(
        store,
        (
            layout.baseline_path(feed, product, number)
            for product, policy in policies.items()
            for check in policy["checks"]
            if check["check"] == "drift"
            for number in range(1, check["baseline"] + 1)
        ),
    )


def _foreign(store: Store, run: RunId, documents: dict[str, bytes]) -> dict[str, bytes]:
    parsed = {path: parse_document(path, data) for path, data in documents.items()}
    used: dict[str, set[str]] = {}
    for reference in references(parsed, str(run)):
        used.setdefault(reference.run_id, set()).add(reference.product)
    found: dict[str, bytes] = {}
    for run_id, products in used.items():
        other = RunId.parse(run_id)
        chain = (other, other.predecessor)
        found |= _read(store, (layout.anchors_path(each) for each in chain if each is not None))
        seals = _read(store, _of_kind(store, layout.closure_folder(other), "seal"))
        parsed_seals = [parse_document(path, data) for path, data in seals.items()]
        signed = [d.place.number for d in parsed_seals if d.place and not d.value.get("record")]
        bundles = _read(store, (f"{layout.evidence_folder(other, e)}/bundle.json" for e in signed))
        found |= seals | bundles
        for path, data in bundles.items():
            closed_with = claimed_products(parse_document(path, data))
            for product in sorted(products & set(closed_with)):
                found |= _used(store, other, product, closed_with[product])
    return found


def _corrected_landings(store: Store, run: RunId, anchors: bytes | None) -> list[str]:
    pinned = parse_document(layout.anchors_path(run), anchors or b"").value
    if "supersedes" not in pinned:
        return []
    folder = layout.run_folder(RunId.parse(pinned["supersedes"]["run_id"]))
    return _of_kind(store, f"{folder}/landing", "landing")


def _used(
    store: Store, other: RunId, product: str, closed_with: Mapping[str, Any]
) -> dict[str, bytes]:
    paths = [
        *_of_kind(store, f"{layout.run_folder(other)}/certificates/{product}", "certificate"),
        *_of_kind(store, layout.product_folder(other, product), "manifest"),
    ]
    digests = {closed_with.get("certificate_digest"), closed_with.get("manifest_digest")}
    return {p: data for p, data in _read(store, paths).items() if digest_bytes(data) in digests}


def _revocations(store: Store, run: RunId) -> list[str]:
    return _of_kind(store, f"revocations/{run}", "revocation")


def _settlements(run: RunId, documents: Mapping[str, bytes]) -> list[str]:
    parsed = [parse_document(path, data) for path, data in documents.items()]
    horizons = [
        int(document.value["declaration"].get("dedupe", {}).get("horizon_runs", 0))
        for document in parsed
        if document.place and document.place.kind == "configuration" and document.value
    ]
    return [
        layout.settlement_path(run.feed, document.value["stream"], number)
        for document in parsed
        if document.place
        and (document.place.kind, document.place.run_id) == ("admission", str(run))
        and "settlement" in document.value
        for number in evidence_span(document.value["settlement"], max(horizons, default=0))
    ]


def _of_kind(store: Store, folder: str, kind: str) -> list[str]:
    paths = store.list(folder)
    return [p for p in paths if (place := place_of(p)) is not None and place.kind == kind]


def _read(store: Store, paths: Iterable[str]) -> dict[str, bytes]:
    return store.read_all(paths)  # what is absent is left out; the requirements say what that means
