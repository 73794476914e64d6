"""The report's view of products and consumers, from manifests, certificates and consumption records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest
from platform_assets.reports.model import (
    CheckView,
    ConsumerView,
    InputView,
    PartView,
    ProductView,
    ReadView,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from platform_assets.reports.drift_plots import DriftPlot

    Record = Mapping[str, Any]


def product_view(
    manifest: Record,
    certificate: Record,
    certificate_digest: str,
    drifts: Sequence[DriftPlot] = (),
) -> ProductView:
    """Return one product as the report shows it.

    Raises:
        RuntimeError: the certificate was issued for another manifest.
    """
    manifest_digest = digest(manifest)
    if certificate["manifest_digest"] != manifest_digest:
        raise RuntimeError(f"{manifest['product']}: the certificate names another manifest")
    return ProductView(
        product=manifest["product"],
        generation=manifest["generation"],
        producer_kind=manifest["producer"]["kind"],
        producer=manifest["producer"]["name"],
        rows=manifest["rows"],
        parts=tuple(
            PartView(part["name"], part["size"], part["sha256"], part["rows"])
            for part in manifest["parts"]
        ),
        columns=tuple(
            (column["name"], type_in_words(column["type"]), column["nullable"])
            for column in manifest["columns"]
        ),
        sort=tuple(manifest["sort"]),
        inputs=tuple(
            InputView(given["kind"], given["name"], given["digest"]) for given in manifest["inputs"]
        ),
        content_digest=manifest["content_digest"],
        manifest_digest=manifest_digest,
        certificate_digest=certificate_digest,
        policy_digest=certificate["policy_digest"],
        verdict=certificate["verdict"],
        issued_at=certificate["issued_at"],
        checks=tuple(
            CheckView(
                check["name"],
                check["check"],
                check["outcome"],
                check["observed"],
                check["expected"],
                check["detail"],
            )
            for check in certificate["checks"]
        ),
        drifts=tuple(drifts),
    )


def consumer_view(record: Record) -> ConsumerView:
    """Return what a consumer read and made as the report shows it."""
    return ConsumerView(
        consumer=record["consumer"],
        recorded_at=record["recorded_at"],
        output_generation=record["output"]["generation"],
        output_digest=record["output"]["manifest_digest"],
        reads=tuple(
            ReadView(
                given["product"],
                given["run_id"],
                given["generation"],
                given["rows"],
                given["manifest_digest"],
                given["certificate_digest"],
            )
            for given in record["inputs"]
        ),
    )


def type_in_words(column_type: Any) -> str:
    """Write a manifest's column type for reading."""
    match column_type:
        case {"decimal": [precision, scale]}:
            return f"decimal({precision}, {scale})"
        case {"list": element}:
            return f"list of {type_in_words(element)}"
        case {"struct": fields}:
            return f"struct of {', '.join(field['name'] for field in fields)}"
        case _:
            return str(column_type)
