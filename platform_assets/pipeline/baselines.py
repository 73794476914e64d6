"""Baselines: what the columns of a product held in certified runs, to hold later runs against.

1. A baseline is pinned from runs that are closed, of which each has the product under a certificate
   that says PASS. It is the merged profile of these, signed, with who pinned it, when and why.
2. Baselines of a product are numbered. A number is taken once, and nothing is ever replaced: another
   baseline is the next number, and has its reason. It names its predecessor by digest.
3. Nobody uses the newest baseline: a check names the number that it holds to. So what a product is
   held against moves only where the policy does.
4. A baseline is read with all before it: each is signed by a trusted key, and the chain is unbroken.

Of a strict product no value may be told, hence it has no baseline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest, digest_bytes, rfc3339
from platform_assets.contracts.records import check_record
from platform_assets.errors import (
    ColumnsDiffer,
    EvidenceInconsistent,
    ObjectMissing,
    RecordMissing,
    RunOpen,
    UnknownThing,
    Usage,
)
from platform_assets.flow.drift import Baseline
from platform_assets.flow.places import place_of
from platform_assets.flow.profile import Profile
from platform_assets.flow.signing import (
    BASELINE,
    Statement,
    Subject,
    open_statement,
    sign_statement,
)
from platform_assets.pipeline import layout
from platform_assets.pipeline.reading import verify_product
from platform_assets.pipeline.records import parse_record, write_bytes
from platform_assets.pipeline.standing import declared_output
from platform_assets.pipeline.state import is_closed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from platform_assets.flow.gate import Permit
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform

_FIRST = "the first baseline"


def pin_baseline(
    platform: Platform, feed: str, product: str, runs: Sequence[RunId], reason: str
) -> dict[str, Any]:
    """Pin the next baseline of a product from closed runs, and return its record.

    Raises:
        Usage: no run is given, one of another feed or one twice; or no reason, where one is needed.
        UnknownThing: there is no such feed or product, or the product is strict.
        RunOpen: a run is not closed.
        GateRefusal: the product of a run may not be read.
        RecordMissing: it was built by a release that made no profiles.
        ColumnsDiffer: the runs have other columns.
        RecordConflict: another pinned a baseline at the same moment.
    """
    _require_plain(platform, feed, product)
    _require_runs(feed, runs)
    before = baselines(platform, feed, product)
    if before and not reason.strip():
        raise Usage(
            f"baseline {len(before) + 1} of {feed}/{product}",
            expected=f"why baseline {len(before)} is not good any more; it is recorded for ever",
            found="no reason",
            remedy="Say why: --reason TEXT",
        )
    permits = [_permit(platform, run, product) for run in sorted(runs)]  # 1
    profile = _merged(platform, permits)
    record = {
        "record": "baseline",
        "version": 1,
        "log": f"{feed}/{product}",
        "number": len(before) + 1,
        "reason": reason.strip() or _FIRST,
        "pinned_by": platform.signer.keyid,
        "pinned_at": rfc3339(platform.clock.now()),
        "predecessor": _stored_digest(platform, feed, product, len(before)),
        "runs": [
            {
                "run_id": str(permit.run),
                "manifest_digest": permit.manifest_digest,
                "certificate_digest": permit.certificate_digest,
                "profile_digest": permit.manifest["profile"],
            }
            for permit in permits
        ],
        "rows": profile.rows,
        "columns": [column.as_baseline() for column in profile.columns],
    }
    path = layout.baseline_path(feed, product, len(before) + 1)
    check_record(record, path)
    subjects = tuple(Subject(f"{product} of {p.run}", p.manifest_digest) for p in permits)
    statement = Statement(BASELINE, subjects, record)
    write_bytes(platform.store, path, sign_statement(platform.signer, statement))  # 2
    return record


def baselines(
    platform: Platform, feed: str, product: str, up_to: int | None = None
) -> list[dict[str, Any]]:
    """Return the baselines of a product, the first first, up to a number or all.

    Raises:
        GateRefusal: one is not signed by a trusted key.
        EvidenceInconsistent: one is missing between others, or is not what its successor names.
    """
    numbers = [
        place.number
        for path in platform.store.list(layout.baselines_folder(feed, product))
        if (place := place_of(path)) is not None
    ]
    newest = max(numbers, default=0)
    found: list[dict[str, Any]] = []
    predecessor = None
    for number in range(1, (newest if up_to is None else min(up_to, newest)) + 1):
        path = layout.baseline_path(feed, product, number)
        try:
            data = platform.store.read(path)
        except ObjectMissing:
            raise _inconsistent(path, "nothing, and there are later ones") from None
        record = _opened(platform, data, path)
        stated = (record["log"], record["number"], record["predecessor"])
        if stated != (f"{feed}/{product}", number, predecessor):  # 4
            raise _inconsistent(path, f"baseline {stated[1]} of {stated[0]} after {stated[2]}")
        found.append(record)
        predecessor = digest_bytes(data)
    return found


def read_baseline(platform: Platform, feed: str, product: str, number: int) -> dict[str, Any]:
    """Return one baseline of a product; all before it are read as well.

    Raises:
        UnknownThing: it was not pinned.
        GateRefusal, EvidenceInconsistent: it, or one before it, does not verify.
    """
    found = baselines(platform, feed, product, up_to=number)
    if not 1 <= number <= len(found):
        raise UnknownThing(
            f"baseline {number} of {feed}/{product}",
            expected=f"one of {len(found)} that are pinned",
            found="none of that number",
            remedy=f"Pin it: platform-assets baseline pin {feed} {product} --run RUN",
        )
    return found[number - 1]


def opened_baseline(platform: Platform, feed: str, product: str, number: int) -> Baseline:
    """Return one baseline of a product, as checks take it.

    Raises:
        UnknownThing: it was not pinned.
        GateRefusal, EvidenceInconsistent: it, or one before it, does not verify.
    """
    record = read_baseline(platform, feed, product, number)
    return Baseline(number, digest(record), Profile.from_json(record))


def read_profile(platform: Platform, run: RunId, manifest: Mapping[str, Any]) -> Profile:
    """Return the profile that the manifest of a product of a run names.

    Raises:
        ObjectMissing: it is not there.
        EvidenceInconsistent: another one stands there.
    """
    path = layout.profile_path(run, manifest["product"], manifest["profile"])
    data = platform.store.read(path)
    if digest_bytes(data) != manifest["profile"]:
        raise EvidenceInconsistent(
            path,
            expected=f"the profile {manifest['profile']} that the manifest names",
            found=f"other bytes ({digest_bytes(data)})",
            remedy="The store was changed from outside. Restore the file.",
        )
    return Profile.from_json(parse_record(data, path, "profile"))


def _require_plain(platform: Platform, feed: str, product: str) -> None:
    if declared_output(platform, feed, product).strict:
        raise UnknownThing(
            f"profile of {product} of {feed}",
            expected="a product in the clear",
            found="a strict one, of whose values no profile tells",
            remedy="Take a baseline of a product that is not strict.",
        )


def _require_runs(feed: str, runs: Sequence[RunId]) -> None:
    foreign = [str(run) for run in runs if run.feed != feed]
    if not runs or foreign or len(set(runs)) != len(runs):
        raise Usage(
            f"baseline of {feed}",
            expected=f"runs of {feed}, each once",
            found=f"{', '.join(foreign or map(str, runs)) or 'none'}",
            remedy="Name each run once: --run RUN --run RUN",
        )


def _permit(platform: Platform, run: RunId, product: str) -> Permit:
    if not is_closed(platform, run):
        raise RunOpen(
            f"baseline from {run}",
            expected="a closed run",
            found="an open one, whose product may still be another",
            remedy=f"Close it first: platform-assets close {run}",
        )
    permit = verify_product(platform, run, product)
    if "profile" not in permit.manifest or "encryption" in permit.manifest:
        raise RecordMissing(
            f"profile of {product} of {run}",
            expected="a profile that tells of values, named by its manifest",
            found="none: it was strict, or an older release built it",
            remedy="Take a later run, or correct this one: "
            f'platform-assets run {run.feed} --supersede {run} --reason "no profile"',
        )
    return permit


def _merged(platform: Platform, permits: Sequence[Permit]) -> Profile:
    profiles = [read_profile(platform, permit.run, permit.manifest) for permit in permits]
    merged = profiles[0]
    for permit, profile in zip(permits[1:], profiles[1:], strict=True):
        shapes = [[(c.path, c.type) for c in each.columns] for each in (merged, profile)]
        if shapes[0] != shapes[1]:
            raise ColumnsDiffer(
                f"{permit.product} of {permit.run}",
                expected=f"the columns of {permits[0].run}",
                found="others",
                remedy="Take runs of one contract.",
            )
        merged = merged.merge(profile)
    return merged


def _stored_digest(platform: Platform, feed: str, product: str, number: int) -> str | None:
    if not number:
        return None
    return digest_bytes(platform.store.read(layout.baseline_path(feed, product, number)))


def _opened(platform: Platform, data: bytes, path: str) -> dict[str, Any]:
    signed = open_statement(data, platform.trust, thing=path, predicate_type=BASELINE)
    record: dict[str, Any] = check_record(dict(signed.predicate), path)
    if record["record"] != "baseline":
        raise _inconsistent(path, f"a {record['record']}")
    return record


def _inconsistent(path: str, found: str) -> EvidenceInconsistent:
    return EvidenceInconsistent(
        path,
        expected="a baseline that follows the one before it",
        found=found,
        remedy="The store was changed from outside. Restore the folder from a copy.",
    )
