"""How a product came to be, as SLSA provenance v1.

The subjects are the manifest and its parts; the resolved dependencies are everything that went in, each
by digest: the anchors, the configuration with its contracts, the landing and admission receipts and
every landed part, or the certificates of the products that a consumer read, whose own provenance leads
on. The builder is the identity of the code. No times are given: a manifest holds none, so that a build
that is done again converges on the standing one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from platform_assets.flow.signing import PROVENANCE, Statement, Subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from platform_assets.flow.run_records import Document, RunRecords

BUILD_TYPE = "urn:platform-assets:build:v1"


def provenance_of(records: RunRecords, product: str) -> Statement:
    """Return the provenance of the newest generation of a product.

    Raises:
        RuntimeError: the run lacks its anchors, its configuration or the product's manifest.
    """
    document = records.manifest(product)
    anchors, configuration = records.anchors, records.configuration
    if document is None or document.problem or anchors is None or configuration is None:
        raise RuntimeError(
            f"{product} of {records.run} has no sound manifest, anchors or configuration"
        )
    manifest = document.value
    parts = document.path.rpartition("/")[0]
    return Statement(
        PROVENANCE,
        (
            Subject(document.path, document.digest),
            *(Subject(f"{parts}/{p['name']}", f"sha256:{p['sha256']}") for p in manifest["parts"]),
        ),
        {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "run_id": manifest["run_id"],
                    "product": product,
                    "generation": manifest["generation"],
                },
                "internalParameters": {"producer": manifest["producer"]},
                "resolvedDependencies": [
                    *map(_dependency, (anchors, configuration)),
                    *_landed(records, manifest),
                    *_read(manifest),
                ],
            },
            "runDetails": {
                "builder": {
                    "id": builder_id(manifest["code"]),
                    "version": {
                        "platform-assets": manifest["code"]["package"],
                        **manifest["code"]["engines"],
                    },
                },
                "metadata": {"invocationId": f"{records.run}/{product}/{manifest['generation']}"},
            },
        },
    )


def _landed(records: RunRecords, manifest: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    for given in manifest["inputs"]:
        if given["kind"] != "admission":
            continue
        for kind in ("landing", "admission"):
            receipt = records.receipt(kind, given["name"])
            if receipt is not None:
                yield _dependency(receipt)
        landing = records.receipt("landing", given["name"])
        for part in landing.value["parts"] if landing is not None else ():
            path = f"runs/{records.run}/{part['path']}"
            yield {"name": path, "digest": {"sha256": part["sha256"]}}


def _read(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": f"certificate of {given['name']}", "digest": _hex(given["digest"])}
        for given in manifest["inputs"]
        if given["kind"] == "certificate"
    ]


def _dependency(document: Document) -> dict[str, Any]:
    return {"name": document.path, "digest": _hex(document.digest)}


def _hex(digest: str) -> dict[str, str]:
    return {"sha256": digest.removeprefix("sha256:")}


def builder_id(code: Mapping[str, Any]) -> str:
    """Return the URI of the code that built, the most exact identity that there is."""
    identity = code["image"] or code["revision"] or code["package"]
    return f"urn:platform-assets:builder:{quote(identity, safe=':/@+')}"
