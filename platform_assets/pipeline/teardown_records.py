"""The signed statements of teardowns in the store: which stands, and what it means for readers.

A run's teardowns are numbered. Each begins with a statement and is done with another; the newest one
names everything that was deleted so far.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import parse_canonical
from platform_assets.errors import OUTAGES, PlatformError, ProductRemoved, RecordNotCanonical
from platform_assets.flow.signing import unverified_predicate
from platform_assets.flow.teardown_proof import opened_teardown, packed
from platform_assets.identifiers import RunId
from platform_assets.pipeline import layout
from platform_assets.ports.removal import kind_of_part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.errors import PartMissing
    from platform_assets.pipeline.platform import Platform

_FILE = re.compile(r"(?P<number>[0-9]{4})(?P<done>\.done)?\.json")


def newest_statement(platform: Platform, run: RunId) -> tuple[str, bytes] | None:
    """Return path and bytes of the newest statement of a run's teardowns, None where there is none."""
    folder = layout.teardown_folder(run)
    found = [
        (int(match["number"]), bool(match["done"]), path)
        for path in platform.store.list(folder)
        if (match := _FILE.fullmatch(path.removeprefix(f"{folder}/")))
    ]
    if not found:
        return None
    path = max(found)[2]
    return path, platform.store.read(path)


def standing_teardown(platform: Platform, run: RunId) -> dict[str, Any] | None:
    """Return the record of the newest teardown of a run, None where nothing was ever deleted.

    Raises:
        GateRefusal, RecordInvalid: what stands there is no signed teardown.
    """
    found = newest_statement(platform, run)
    return None if found is None else opened_teardown(found[1], platform.trust, found[0])


def removed_of(platform: Platform, run: RunId) -> dict[str, Any] | None:
    """Return in a few words what was deleted of a run, for people and for tools."""
    try:
        record = standing_teardown(platform, run)
    except OUTAGES:
        raise
    except PlatformError as error:
        return {"state": error.code, "files": 0, "bytes": 0, "kinds": [], "at": None}
    if record is None:
        return None
    gone = [*record["removed"], *record["unlisted"]]
    return {
        "state": record["state"],
        "teardown": record["number"],
        "files": len(gone),
        "bytes": sum(entry["size"] for entry in gone),
        "kinds": sorted({entry["path"].split("/")[2] for entry in gone}),
        "at": record["done_at"] or record["begun_at"],
    }


def packed_statements(platform: Platform, run: RunId, bundle: Mapping[str, Any]) -> bytes | None:
    """Return the file for an export that accounts for parts which are deleted; None if none is."""
    runs = {kind_of_part(entry["path"]) for entry in bundle["data"]} - {None}
    named = {entry["path"] for entry in bundle["data"]}
    statements = []
    for run_id in sorted({str(run), *(found[0] for found in runs if found)}):
        found = newest_statement(platform, RunId.parse(run_id))
        if found is not None and (run_id == str(run) or _names_any(found[1], named)):
            statements.append(found[1])
    try:
        return packed(statements) if statements else None
    except RecordNotCanonical:
        return b"".join(statements)  # for the verifier to find


def refused_for_teardown(platform: Platform, error: PartMissing, run: RunId) -> PlatformError:
    """Return why a part is missing: the teardown that deleted it, or the error as it is."""
    record = standing_teardown(platform, run)
    if record is None:
        return error
    return ProductRemoved(
        error.thing,
        expected=error.expected,
        found=f"nothing; teardown {record['number']} of {run}, begun at {record['begun_at']}, "
        "deleted it by the feed's retention",
        remedy=f"Its records still verify: platform-assets verify {run}. Read a run that is kept, or "
        "an export with data that was made before.",
    )


def _names_any(statement: bytes, paths: set[str]) -> bool:
    try:
        claimed = unverified_predicate(parse_canonical(statement, "teardown"))
        return any(entry["path"] in paths for entry in claimed["removed"])
    except (PlatformError, KeyError, TypeError):
        return False
