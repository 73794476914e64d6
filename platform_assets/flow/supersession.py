"""The record that a closed run was superseded: signed, and beside the run, because that is sealed.

It names both runs by the digests of their evidence. It follows from the two closed runs alone, so that
whoever comes to write it writes the same. It takes nothing from the older run, which stays verifiable
and readable by its id; it says that a newer one counts for the window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest
from platform_assets.contracts.records import check_record
from platform_assets.errors import PlatformError
from platform_assets.flow.run_records import parse_document
from platform_assets.flow.signing import Statement, Subject, open_statement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.ports.signer import Trust

SUPERSESSION = "urn:platform-assets:supersession:v1"
#: A window's runs form one chain, so a run is superseded once.
ONLY = 1


@dataclass(frozen=True, slots=True)
class Relations:
    """What evidence says of the run that this one corrects, and of the one that corrects it.

    Attributes:
        problems: what is wrong with the record that this run is superseded.
        supersedes: the run that this one corrects, and why; None where it corrects none.
        superseded_by: the run that corrects this one, and why; None where none is known here.
    """

    problems: tuple[str, ...]
    supersedes: Mapping[str, Any] | None
    superseded_by: Mapping[str, Any] | None


def relations(
    newer: bytes | None,
    evidence: Mapping[str, Any],
    bundle_digest: str,
    documents: Mapping[str, bytes],
    trust: Trust,
) -> Relations:
    """Return how a run is related to others that read the same window.

    Args:
        newer: the signed record that the run is superseded, None where there is none.
        evidence: the run's evidence.
        bundle_digest: of the run's evidence.
        documents: path -> bytes of the run's records that are as its evidence lists them.
        trust: the keys whose signatures count.
    """
    run_id = evidence["run_id"]
    feed, _, sequence = run_id.rpartition("-")
    anchors = documents.get(f"feeds/{feed}/{sequence}.json")
    named = parse_document(f"feeds/{feed}/{sequence}.json", anchors).value if anchors else {}
    supersedes = named.get("supersedes")
    if newer is None:
        return Relations((), supersedes, None)
    opened = opened_supersession(newer, trust, run_id, bundle_digest)
    if isinstance(opened, str):
        return Relations((opened,), supersedes, None)
    return Relations((), supersedes, {**opened["superseded_by"], "reason": opened["reason"]})


def supersession_statement(
    config_digest: str,
    correction: Mapping[str, Any],
    *,
    bundle_digest: str,
    closed_at: str,
) -> Statement:
    """Return the statement that a run was superseded.

    Args:
        config_digest: of the older run.
        correction: the anchors of the newer run.
        bundle_digest: of the newer run's evidence.
        closed_at: when the newer run was closed.
    """
    named = correction["supersedes"]
    record = {
        "record": "supersession",
        "version": 1,
        "run_id": named["run_id"],
        "config_digest": config_digest,
        "number": ONLY,
        "bundle_digest": named["bundle_digest"],
        "superseded_by": {
            "run_id": correction["run_id"],
            "anchors_digest": digest(correction),
            "bundle_digest": bundle_digest,
            "closed_at": closed_at,
        },
        "reason": named["reason"],
    }
    check_record(record, f"supersession of {named['run_id']}")
    subject = Subject(f"evidence of {named['run_id']}", named["bundle_digest"])
    return Statement(SUPERSESSION, (subject,), record)


def opened_supersession(
    data: bytes, trust: Trust, run_id: str, bundle_digest: str
) -> Mapping[str, Any] | str:
    """Return the record that a run was superseded, or why these bytes do not say so.

    Args:
        data: the signed record.
        trust: the keys whose signatures count.
        run_id: the older run.
        bundle_digest: of the older run's evidence.
    """
    thing = f"supersession of {run_id}"
    try:
        statement = open_statement(data, trust, thing=thing, predicate_type=SUPERSESSION)
        record: Mapping[str, Any] = check_record(dict(statement.predicate), thing)
    except PlatformError as error:
        return f"{error.code}: expected {error.expected}, found {error.found}"
    if record["record"] != "supersession":
        return f"a record of kind {record['record']}"
    if (record["run_id"], record["bundle_digest"]) != (run_id, bundle_digest):
        return f"is about {record['run_id']} with the evidence {record['bundle_digest']}"
    if statement.digests() != {bundle_digest}:
        return "its subject is not the evidence of the run"
    if record["superseded_by"]["run_id"] == run_id:
        return "names the run itself"
    return record
