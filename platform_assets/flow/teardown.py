"""What a teardown deletes of a closed run, what it keeps, and what it signs.

Deleted are parts of landing, admission and products, never evidence or a record. A kind of parts goes
when its declared retention has passed since the closure; what is not declared stays, and so does what
another run still needs, with the reason.

1. BEGUN: a signed statement names every part by size and SHA-256. Nothing was deleted before it.
2. The parts are deleted.
3. DONE: the same statement, signed again with the moment. From then on none of them may be there.

Each statement names everything that this and earlier teardowns of the run deleted, so that the newest
one alone accounts for every absent part.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from platform_assets.flow.evidence import BUNDLE_FILE
from platform_assets.flow.signing import Statement, Subject
from platform_assets.ports.removal import KINDS, kind_of_part

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from platform_assets.flow.evidence import FileEntry

TEARDOWN = "urn:platform-assets:teardown:v1"
_HASHED = "that the parts of {} still have their recorded SHA-256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """By kind, after which age its parts go: as declared, and as time. Absent kinds stay.

    ``older_than`` can only defer: a kind goes when both ages have passed.
    """

    declared: Mapping[str, str]
    ages: Mapping[str, timedelta]
    older_than: str | None = None
    at_least: timedelta = timedelta(0)

    def due(self, kind: str, closed_at: datetime) -> datetime | None:
        """Return the moment from which parts of the kind go, None where they stay."""
        if kind not in self.ages:
            return None
        return closed_at + max(self.ages[kind], self.at_least)

    def as_json(self) -> dict[str, str | None]:
        """Return the retention as it stands in the record."""
        return {**{kind: self.declared.get(kind) for kind in KINDS}, "older_than": self.older_than}


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes, by path, what no evidence names and goes as well, and what stays, by why."""

    removed: Sequence[FileEntry]
    unlisted: Sequence[FileEntry]
    kept: Sequence[dict[str, Any]]


def plan(
    bundle: Mapping[str, Any],
    present: Mapping[str, FileEntry],
    retention: Retention,
    needed: Mapping[tuple[str, str], str],
    now: datetime,
) -> Plan:
    """Decide on every part of a closed run that is there.

    Args:
        bundle: the run's evidence.
        present: path -> entry of each part in the run's folders, whether the evidence names it or not.
        retention: what goes when.
        needed: kind and name (of a stream or product) -> who needs those parts, where somebody does.
        now: the present moment.
    """
    closed_at = moment(bundle["closed_at"])
    listed = {entry["path"]: entry for entry in bundle["data"]}
    removed, unlisted, kept = [], [], dict[tuple[str, str, str], int]()
    for path in sorted(present):
        found = kind_of_part(path)
        if found is None or found[0] != bundle["run_id"]:
            raise RuntimeError(f"{path} is no part of {bundle['run_id']}")
        kind, name = found[1], path.split("/")[3]
        why = _kept(kind, name, retention.due(kind, closed_at), needed, now)
        if why:
            kept[kind, name, why] = kept.get((kind, name, why), 0) + 1
        elif path in listed:
            removed.append(listed[path])
        else:
            unlisted.append(present[path])
    return Plan(
        removed,
        unlisted,
        [{"kind": k, "name": n, "why": w, "files": files} for (k, n, w), files in kept.items()],
    )


def begun(
    bundle: Mapping[str, Any],
    bundle_digest: str,
    planned: Plan,
    retention: Retention,
    *,
    before: Mapping[str, Any] | None,
    now: str,
) -> dict[str, Any]:
    """Return the record that is signed before anything is deleted.

    Args:
        bundle: the run's evidence.
        bundle_digest: its digest.
        planned: what goes now.
        retention: why it goes.
        before: the record of the teardown before this one, None where there is none.
        now: the moment, RFC 3339.
    """
    earlier = before or {"number": 0, "removed": (), "unlisted": ()}
    removed = _union(earlier["removed"], planned.removed)
    return {
        "record": "teardown",
        "version": 1,
        "run_id": bundle["run_id"],
        "config_digest": bundle["config_digest"],
        "number": earlier["number"] + 1,
        "state": "BEGUN",
        "bundle_digest": bundle_digest,
        "closed_at": bundle["closed_at"],
        "begun_at": now,
        "done_at": None,
        "retention": retention.as_json(),
        "removed": removed,
        "unlisted": _union(earlier["unlisted"], planned.unlisted),
        "kept": list(planned.kept),
        "remains": _remains(bundle, removed),
    }


def done(record: Mapping[str, Any], now: str) -> dict[str, Any]:
    """Return the record that is signed when everything in it is deleted."""
    return {**record, "state": "DONE", "done_at": now}


def teardown_statement(record: Mapping[str, Any]) -> Statement:
    """Return the statement that is signed: its subject is the evidence of the run."""
    return Statement(TEARDOWN, (Subject(BUNDLE_FILE, record["bundle_digest"]),), record)


def moment(text: str) -> datetime:
    """Return the time of a record."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _kept(
    kind: str,
    name: str,
    due: datetime | None,
    needed: Mapping[tuple[str, str], str],
    now: datetime,
) -> str:
    if due is None:
        return "no retention is declared"
    if now < due:
        return f"its retention ends at {due.strftime('%Y-%m-%dT%H:%M:%SZ')}"
    return needed.get((kind, name), "")


def _union(earlier: Sequence[FileEntry], now: Sequence[FileEntry]) -> list[FileEntry]:
    entries = {entry["path"]: dict(entry) for entry in (*earlier, *now)}
    return [entries[path] for path in sorted(entries)]


def _remains(bundle: Mapping[str, Any], removed: Sequence[FileEntry]) -> dict[str, Any]:
    """Say what can still be shown of the run, and what cannot any more."""
    gone = {entry["path"] for entry in removed}
    own = [
        e["path"]
        for e in bundle["data"]
        if (kind_of_part(e["path"]) or ("",))[0] == bundle["run_id"]
    ]
    left = [path for path in own if path not in gone]
    lost = {kind for kind in KINDS if any(path.split("/")[2] == kind for path in gone)}
    no_longer = [_HASHED.format(kind) for kind in KINDS if kind in lost]
    if "landing" in lost:
        no_longer.append("a replay from the landing; from the stream only while it has the records")
    return {
        "records": len(bundle["records"]),
        "data": len(left),
        "verifiable": [
            "the signatures of seal, evidence, provenance and certificates",
            f"the size and SHA-256 of {len(bundle['records'])} records",
            "every requirement of the closure, judged again from the records",
            "which bytes each deleted part had: its size, its SHA-256 and who certified it",
            *([f"the size and SHA-256 of {len(left)} parts that stay"] if left else []),
        ],
        "no_longer": no_longer,
    }
