"""A product's folder as a signed model: what the tool ``model_signing`` (OpenSSF) checks.

The resources are the files of one generation as an export with data holds them, by name in sorted
order, each with its SHA-256: its claim, its manifest, its parts. The one subject is the generation; its
digest is the SHA-256 over the resources' digests, one after the other, as the format defines it. A file
that was added, removed, renamed or changed in the folder is refused by that tool.

Format: https://model_signing/signature/v1.0, as written by model_signing 1.1.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from platform_assets.flow.signing import MODEL_SIGNATURE, Statement, Subject

if TYPE_CHECKING:
    from platform_assets.flow.run_records import RunRecords


def model_statement(records: RunRecords, product: str) -> Statement:
    """Return what is signed about the newest generation of a product.

    Raises:
        RuntimeError: the run has no sound manifest of the product.
    """
    document = records.manifest(product)
    if document is None or document.problem:
        raise RuntimeError(f"{product} of {records.run} has no sound manifest")
    folder = f"{document.path.rpartition('/')[0]}/"
    files = {part["name"]: str(part["sha256"]) for part in document.value["parts"]}
    for path, data in records.documents.items():
        if path.startswith(folder):
            files[path.removeprefix(folder)] = hashlib.sha256(data).hexdigest()
    resources = [
        {"name": name, "algorithm": "sha256", "digest": files[name]} for name in sorted(files)
    ]
    root = hashlib.sha256(b"".join(bytes.fromhex(files[name]) for name in sorted(files)))
    return Statement(
        MODEL_SIGNATURE,
        (Subject(folder.rstrip("/"), f"sha256:{root.hexdigest()}"),),
        {
            "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False},
            "resources": resources,
        },
    )
