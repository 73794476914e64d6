"""Manifests: the exact parts of one generation of a product.

A generation is a claim on a number. A rebuild that equals the standing generation in all but its code
converges on it; any other rebuild is the next generation. Code identity alone does not make a
generation: the same bytes are the same product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from platform_assets.identifiers import RunId

#: What may differ between two manifests of the same product.
_BESIDE_IDENTITY = ("generation", "code")


def manifest_of(
    run: RunId,
    config_digest: str,
    *,
    product: str,
    generation: int,
    producer: Mapping[str, str],
    columns: Sequence[Mapping[str, Any]],
    sort: Sequence[str],
    key: Sequence[str],
    content_digest: str,
    parts: Sequence[Mapping[str, Any]],
    inputs: Sequence[Mapping[str, str]],
    code: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the manifest record of one generation."""
    return {
        "record": "manifest",
        "version": 1,
        "run_id": str(run),
        "config_digest": config_digest,
        "product": product,
        "generation": generation,
        "producer": dict(producer),
        "columns": list(columns),
        "sort": list(sort),
        "key": list(key),
        "rows": sum(part["rows"] for part in parts),
        "content_digest": content_digest,
        "parts": [dict(part) for part in parts],
        "inputs": [dict(given) for given in inputs],
        "code": dict(code),
    }


def same_product(standing: Mapping[str, Any], rebuilt: Mapping[str, Any]) -> bool:
    """Tell whether a rebuild yields what stands, byte for byte."""
    return product_digest(standing) == product_digest(rebuilt)


def product_digest(manifest: Mapping[str, Any]) -> str:
    """Return the digest of what makes a product the same, in whatever generation and by what code."""
    return digest({key: v for key, v in manifest.items() if key not in _BESIDE_IDENTITY})
