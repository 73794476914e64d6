"""What a closure requires of a correction: the run that it names was closed, and read the same.

The records hold the seal, the evidence and the anchors of the superseded run, and the receipts of what
it landed. A correction lands exactly what that run landed, byte for byte: from the source where that
still delivers it, else by copying, which its receipt says. So nobody has to believe the source, and
nothing but the processing differs between the two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.flow.corrections import correction_problems
from platform_assets.flow.foreign import sealed_evidence, superseded_run
from platform_assets.flow.landing import landed_content
from platform_assets.flow.places import Place
from platform_assets.identifiers import RunId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.flow.run_records import Document, RunRecords


def superseded_problems(records: RunRecords) -> list[str]:
    """Return what speaks against the run that a correction names being the one that it corrects."""
    corrected = superseded_run(records)
    if corrected is None or records.anchors is None:
        return []
    run = RunId.parse(corrected)
    anchors = records.sound(Place("anchors", name=run.feed, number=run.sequence))
    evidence = sealed_evidence(records.parsed, corrected, records.trust)
    problems = correction_problems(
        records.anchors.value, anchors.value if anchors else None, evidence
    )
    named = records.anchors.value["supersedes"]["bundle_digest"]
    bundles = [d.digest for d in _bundles(records, corrected)]
    if named not in bundles:
        problems.append(f"{corrected} was closed with the evidence {bundles}, not {named}")
    return problems


def landed_otherwise(records: RunRecords, landing: Document) -> list[str]:
    """Return in what a landing differs from that of the run which is corrected."""
    corrected, receipt = superseded_run(records), landing.value
    copied = receipt.get("copied_from")
    if corrected is None:
        return ["was copied, and the run corrects none"] if copied else []
    before = records.sound(Place("landing", corrected, receipt["stream"]))
    if before is None:
        return [f"has no sound landing in {corrected}, which is corrected"]
    own, other = landed_content(receipt), landed_content(before.value)
    problems = [
        f"landed other {name} than {corrected}, which is corrected"
        for name in own
        if own[name] != other[name]
    ]
    evidence = sealed_evidence(records.parsed, corrected, records.trust)
    if isinstance(evidence, str) or before.digest != _listed(evidence, before.path):
        problems.append(f"{before.path} is not what {corrected} was closed with")
    if copied and (copied["run_id"], copied["landing_digest"]) != (corrected, before.digest):
        problems.append(f"was copied from {copied['run_id']}, {copied['landing_digest']}")
    return problems


def _listed(evidence: Mapping[str, Any], path: str) -> str | None:
    found = [entry["sha256"] for entry in evidence["records"] if entry["path"] == path]
    return f"sha256:{found[0]}" if found else None


def _bundles(records: RunRecords, run_id: str) -> list[Document]:
    return [
        document
        for document in records.parsed.values()
        if document.place and (document.place.kind, document.place.run_id) == ("bundle", run_id)
    ]
