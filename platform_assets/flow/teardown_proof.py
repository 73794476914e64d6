"""Parts that are absent because a signed teardown deleted them: what a verifier makes of that.

An export carries the newest statement of every run of which its evidence names deleted parts, in one
file, `teardown.json`. A part may be absent only if such a statement names it with the very size and
SHA-256 that the evidence has. A part that is there although a finished teardown deleted it is a
finding, and so is a statement that is not signed by a trusted key, that is about other evidence, or
that nothing refers to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import canonical_bytes, parse_canonical
from platform_assets.contracts.records import check_record
from platform_assets.errors import PlatformError, RecordInvalid
from platform_assets.flow.evidence import BUNDLE_FILE, TEARDOWN_FILE
from platform_assets.flow.signing import open_statement
from platform_assets.flow.teardown import TEARDOWN
from platform_assets.ports.removal import kind_of_part

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from platform_assets.flow.evidence import FileEntry
    from platform_assets.ports.signer import Trust

Found = tuple[str, str]


@dataclass(frozen=True, slots=True)
class TornDown:
    """Every part that signed teardowns deleted, and what is wrong with the statements."""

    records: Sequence[Mapping[str, Any]] = ()
    problems: Sequence[Found] = ()
    entries: Mapping[str, tuple[FileEntry, Mapping[str, Any]]] = field(default_factory=dict)

    def explains(self, entry: FileEntry) -> bool:
        """Tell whether a part may be absent: it was deleted when it was exactly this."""
        named = self.entries.get(entry["path"])
        return named is not None and named[0] == entry

    def contradicts(self, path: str) -> str:
        """Say which finished teardown deleted a part that is there; nothing where none did."""
        _, record = self.entries.get(path, (None, {}))
        if record.get("state") != "DONE":
            return ""
        return f"is there, and teardown {record['number']} of {record['run_id']} deleted it"

    def facts(self) -> list[dict[str, Any]]:
        """Return what was deleted, as the result of a verification tells it."""
        return [
            {
                "run_id": record["run_id"],
                "teardown": record["number"],
                "state": record["state"],
                "files": len(record["removed"]) + len(record["unlisted"]),
                "bytes": sum(e["size"] for e in (*record["removed"], *record["unlisted"])),
                "at": record["done_at"] or record["begun_at"],
            }
            for record in self.records
        ]


def packed(statements: Iterable[bytes]) -> bytes:
    """Return the file that holds signed statements of teardowns in an export."""
    parsed = [parse_canonical(statement, TEARDOWN_FILE) for statement in statements]
    return canonical_bytes({"record": "teardowns", "version": 1, "teardowns": parsed})


def torn_down(
    data: bytes | None, evidence: Mapping[str, Any], bundle_digest: str, trust: Trust
) -> TornDown:
    """Return what the statements in an export account for.

    Args:
        data: the bytes of `teardown.json`, None where there is none.
        evidence: the evidence of the run.
        bundle_digest: its digest.
        trust: the keys whose signatures count.
    """
    if data is None:
        return TornDown()
    records: list[Mapping[str, Any]] = []
    problems: list[Found] = []
    for statement in _statements(data, problems):
        try:
            record = opened_teardown(statement, trust, TEARDOWN_FILE)
        except PlatformError as error:
            problems.append((TEARDOWN_FILE, f"{error.code}: {error.found}"))
            continue
        problems += [(TEARDOWN_FILE, p) for p in _misplaced(record, evidence, bundle_digest)]
        records.append(record)
    runs = [record["run_id"] for record in records]
    if runs != sorted(set(runs)) or not (runs or problems):
        problems.append((TEARDOWN_FILE, "does not hold one statement for each run, in their order"))
    entries = {e["path"]: (e, record) for record in records for e in record["removed"]}
    return TornDown(records, problems, {} if problems else entries)


def opened_teardown(data: bytes, trust: Trust, thing: str) -> dict[str, Any]:
    """Return the record of a signed teardown.

    Raises:
        GateRefusal: it is not signed by a trusted key, or is not canonical.
        RecordInvalid: it is no record of a teardown, or deletes what no teardown deletes.
    """
    statement = open_statement(data, trust, thing=thing, predicate_type=TEARDOWN)
    record: dict[str, Any] = check_record(dict(statement.predicate), thing)
    listed = [*record.get("removed", ()), *record.get("unlisted", ())]
    own = [(kind_of_part(entry["path"]) or ("",))[0] == record.get("run_id") for entry in listed]
    subjects = [(subject.name, subject.digest) for subject in statement.subjects]
    finished = record.get("done_at") is not None
    if (
        record["record"] != "teardown"
        or subjects != [(BUNDLE_FILE, record["bundle_digest"])]
        or finished != (record["state"] == "DONE")
        or not all(own)
    ):
        raise RecordInvalid(
            thing,
            expected="a teardown of parts of one run, over its evidence",
            found=f"a {record['record']} of something else",
            remedy="Restore the file from a copy of the evidence; do not edit records.",
        )
    return record


def _statements(data: bytes, problems: list[Found]) -> list[bytes]:
    try:
        value = parse_canonical(data, TEARDOWN_FILE)
    except PlatformError as error:
        problems.append((TEARDOWN_FILE, f"{error.code}: {error.found}"))
        return []
    held = value.get("teardowns") if isinstance(value, dict) else None
    if not isinstance(held, list) or {**value, "teardowns": 0} != {
        "record": "teardowns",
        "version": 1,
        "teardowns": 0,
    }:
        problems.append((TEARDOWN_FILE, "is no list of signed teardowns"))
        return []
    return [canonical_bytes(statement) for statement in held]


def _misplaced(
    record: Mapping[str, Any], evidence: Mapping[str, Any], bundle_digest: str
) -> Iterable[str]:
    """Say what speaks against the statement being one about this evidence."""
    listed = {entry["path"]: entry for entry in evidence["data"]}
    named = [entry for entry in record["removed"] if entry["path"] in listed]
    of = f"teardown {record['number']} of {record['run_id']}"
    if record["run_id"] == evidence["run_id"]:
        if record["bundle_digest"] != bundle_digest:
            yield f"{of} is about the evidence {record['bundle_digest']}"
        if len(named) != len(record["removed"]):
            yield f"{of} deleted parts that the evidence does not name"
    elif not named:
        yield f"{of} deleted nothing that the evidence names"
    for entry in named:
        if entry != listed[entry["path"]]:
            yield f"{of} deleted {entry['path']} with other bytes than the evidence names"
