"""Schemas of the platform's own records.

A record names its kind and version; the schema of that kind and version stands in
``schemas/records/<kind>.v<version>.json``. A record without a known kind is invalid.
"""

from __future__ import annotations

import functools
import json
from typing import Any

import jsonschema_rs

from platform_assets.errors import RecordInvalid
from platform_assets.resources import schemas_folder

_SHARED = "shared.v1.json"


def check_record(record: Any, thing: str) -> Any:
    """Return the record if it meets the schema of its kind.

    Raises:
        RecordInvalid: unknown kind or version, or any violation; the error lists all of them.
    """
    kind = record.get("record") if isinstance(record, dict) else None
    version = record.get("version") if isinstance(record, dict) else None
    validator = _validators().get((str(kind), version if isinstance(version, int) else -1))
    if validator is None:
        raise RecordInvalid(
            thing,
            expected="a record of a known kind and version",
            found=f"kind {kind!r}, version {version!r}",
            remedy="Read it with the release of platform-assets that wrote it, or a newer one.",
        )
    problems = [
        f"/{'/'.join(map(str, error.instance_path))}: {error.message}"
        for error in validator.iter_errors(record)
    ]
    if problems:
        raise RecordInvalid(
            thing,
            expected=f"a valid {kind} record",
            found="; ".join(problems[:10]),
            remedy="Restore the file from a copy of the evidence; do not edit records.",
        )
    return record


@functools.cache
def _validators() -> dict[tuple[str, int], jsonschema_rs.Draft202012Validator]:
    folder = schemas_folder() / "records"
    shared = json.loads((folder / _SHARED).read_text())
    registry = jsonschema_rs.Registry([(shared["$id"], shared)])
    validators = {}
    for path in sorted(folder.glob("*.v*.json")):
        if path.name != _SHARED:
            kind, version = path.name.removesuffix(".json").rsplit(".v", 1)
            schema = json.loads(path.read_text())
            validators[kind, int(version)] = jsonschema_rs.Draft202012Validator(
                schema, registry=registry
            )
    return validators
