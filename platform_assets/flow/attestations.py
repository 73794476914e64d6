"""What a closure signs about each product, beside the certificates: provenance and a model signature.

Both follow from the run's records alone, so that a verifier builds them again and compares. They stand
in the evidence, one file for each product, where the tools of others find them (see docs/evidence.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.flow.model_signature import model_statement
from platform_assets.flow.provenance import provenance_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.flow.run_records import RunRecords
    from platform_assets.flow.signing import Statement


def attestations(records: RunRecords) -> Mapping[str, Statement]:
    """Return path -> statement for every product and consumer of the run.

    Raises:
        RuntimeError: the run lacks its anchors, its configuration or the manifest of a product.
    """
    run_id, epoch = str(records.run), records.epoch
    found: dict[str, Statement] = {}
    for product in records.outputs():
        found[provenance_path(run_id, epoch, product)] = provenance_of(records, product)
        found[model_signature_path(run_id, epoch, product)] = model_statement(records, product)
    return found


def evidence_folder(run_id: str, epoch: int) -> str:
    """Return the folder of what the closure wrote beside the records."""
    return f"runs/{run_id}/evidence/{epoch:04d}/"


def key_path(run_id: str, epoch: int, keyid: str) -> str:
    """Return the path of a public key in the evidence."""
    return f"{evidence_folder(run_id, epoch)}keys/{keyid}.pem"


def provenance_path(run_id: str, epoch: int, product: str) -> str:
    """Return the path of a product's signed provenance in the evidence."""
    return f"{evidence_folder(run_id, epoch)}provenance/{product}.json"


def model_signature_path(run_id: str, epoch: int, product: str) -> str:
    """Return the path of a product's model signature in the evidence."""
    return f"{evidence_folder(run_id, epoch)}model/{product}.sig"
