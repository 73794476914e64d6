"""The gate's steps 0 to 2: which manifest stands for a product of a run.

The newest generation counts, complete or not: while a rebuild is under way, nothing may be read. The
run's anchors have to link to both neighbours in the feed's log. The manifest has to be the one of
exactly that product, run, generation and configuration, and of a closed run the sealed one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest_bytes, parse_canonical
from platform_assets.contracts.records import check_record
from platform_assets.errors import (
    AnchorsUnproven,
    GenerationPending,
    ManifestForeign,
    ManifestInvalid,
    ProductMissing,
    RecordInvalid,
    RecordNotCanonical,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.errors import GateRefusal
    from platform_assets.flow.gate import Found
    from platform_assets.flow.gate_asked import Asked

_CHANGED_AFTER_CLOSURE = "The store was changed after closure. Restore it from exported evidence."
_LOG_CHANGED = "The feed's log was changed. Restore it from a copy, or from exported evidence."


def resolved(found: Asked) -> int:
    """Return the number of the generation, if it is complete (step 0).

    Raises:
        ProductMissing, GenerationPending: there is none, or a newer one is claimed and not complete.
    """
    if found.generation is None:
        raise ProductMissing(
            found.thing,
            expected="a built generation",
            found="none",
            remedy=f"Build it: {found.command('materialize')}",
        )
    if found.manifest is None:
        raise GenerationPending(
            found.thing,
            expected=f"a complete generation {found.generation}",
            found="its claim without a manifest: a rebuild is under way or was interrupted",
            remedy=_CHANGED_AFTER_CLOSURE
            if found.sealed
            else f"Wait, or finish it: {found.command('materialize')}, then certify it.",
        )
    return found.generation


def anchored(found: Found) -> str:
    """Return the digest of the configuration under which the run was pinned (step 1).

    Raises:
        AnchorsUnproven: the anchors do not exist, or do not link to their neighbours.
    """
    if found.anchors is None:
        raise AnchorsUnproven(
            found.thing,
            expected=f"the anchors of {found.run}",
            found="none",
            remedy="The run was never pinned here. Look at the feed's runs: platform-assets runs "
            f"{found.run.feed}",
        )
    anchors = _record(found.anchors, f"anchors of {found.run}", "anchors", AnchorsUnproven)
    problem = _link_problem(found, anchors)
    if problem is not None:
        raise AnchorsUnproven(
            found.thing,
            expected="anchors that link to their neighbours in the feed's log",
            found=problem,
            remedy=_LOG_CHANGED,
        )
    return str(anchors["config_digest"])


def manifested(found: Asked, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the manifest, if its fields are what was asked for (step 2).

    Raises:
        ManifestInvalid: it is not a canonical and valid manifest.
        ManifestForeign: it is another one than was asked for, or than was sealed.
    """
    data = found.manifest or b""
    mend = (
        _CHANGED_AFTER_CLOSURE
        if found.sealed
        else "Move the damaged file away, then build it again: "
        f"{found.command('materialize')}, and certify it."
    )
    thing = f"manifest of {found.thing}"
    manifest = _record(data, thing, found.manifest_kind, ManifestInvalid, mend)
    named = {key: manifest[key] for key in asked}
    if named != asked:
        raise ManifestForeign(
            found.thing,
            expected=f"a manifest of {_listed(asked)}",
            found=f"one of {_listed(named)}",
            remedy=mend,
        )
    if found.sealed is not None and found.sealed.manifest_digest != digest_bytes(data):
        raise ManifestForeign(
            found.thing,
            expected=f"the sealed manifest {found.sealed.manifest_digest}",
            found=digest_bytes(data),
            remedy=mend,
        )
    return manifest


def _listed(fields: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in fields.items())


def _link_problem(found: Found, anchors: Mapping[str, Any]) -> str | None:
    if anchors["run_id"] != str(found.run):
        return f"anchors of {anchors['run_id']}"
    before = found.run.predecessor
    expected = digest_bytes(found.predecessor) if found.predecessor is not None else None
    if before is not None and found.predecessor is None:
        return f"no anchors of {before}"
    if anchors["predecessor"] != expected:
        return f"predecessor {anchors['predecessor']}, where {expected} stands"
    if found.successor is not None:
        named = _record(found.successor, "the next anchors", "anchors", AnchorsUnproven)
        if named["predecessor"] != digest_bytes(found.anchors or b""):
            return "a successor that names other anchors"
    return None


def _record(
    data: bytes,
    thing: str,
    kind: str,
    refusal: type[GateRefusal],
    remedy: str = _LOG_CHANGED,
) -> Mapping[str, Any]:
    try:
        record: Mapping[str, Any] = check_record(parse_canonical(data, thing), thing)
    except (RecordNotCanonical, RecordInvalid) as error:
        raise refusal(thing, expected=error.expected, found=error.found, remedy=remedy) from error
    if record["record"] != kind:
        raise refusal(
            thing,
            expected=f"a record of kind {kind}",
            found=f"one of kind {record['record']}",
            remedy=remedy,
        )
    return record
