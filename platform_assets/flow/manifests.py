"""Manifests: the exact parts of one generation of a product.

A generation is a claim on a number. A rebuild that equals the standing generation in all but its code
converges on it; any other rebuild is the next generation. Code identity alone does not make a
generation: the same bytes are the same product.

An encrypted generation has a key of its own, so that its stored bytes differ from those of any other.
Whether it is the same product is told by its plaintext.

A manifest names the profile of its rows by digest, if it was written by a release that makes profiles.
The profile follows from the rows, so that it does not tell products apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from platform_assets.identifiers import RunId

#: What may differ between two manifests of the same product.
_BESIDE_IDENTITY = ("generation", "code", "checkpoint", "profile")


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
    encryption: Mapping[str, str] | None = None,
    profile: str | None = None,
) -> dict[str, Any]:
    """Return the manifest record of one generation."""
    encrypted = {} if encryption is None else {"encryption": dict(encryption)}
    profiled = {} if profile is None else {"profile": profile}
    return {
        **encrypted,
        **profiled,
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
    """Tell whether a rebuild yields what stands, byte for byte as it is stored."""
    return _beside(standing, _BESIDE_IDENTITY) == _beside(rebuilt, _BESIDE_IDENTITY)


def product_digest(manifest: Mapping[str, Any]) -> str:
    """Return the digest of what makes a product the same, in whatever generation and by what code."""
    parts = [
        {"name": part["name"], "rows": part["rows"], **part.get("plaintext", _stored(part))}
        for part in manifest["parts"]
    ]
    return digest({**_beside(manifest, (*_BESIDE_IDENTITY, "encryption")), "parts": parts})


def _stored(part: Mapping[str, Any]) -> dict[str, Any]:
    return {"size": part["size"], "sha256": part["sha256"]}


def _beside(manifest: Mapping[str, Any], left_out: Sequence[str]) -> dict[str, Any]:
    return {key: value for key, value in manifest.items() if key not in left_out}
