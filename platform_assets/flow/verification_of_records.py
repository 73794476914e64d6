"""The part of verification that judges a run's records again and builds its evidence again.

What the closer concluded is not read but concluded anew, by the same functions, from the records in the
bundle; then the two are compared. Records that nobody could judge are a finding, never an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.canonical import canonical_bytes
from platform_assets.errors import PlatformError
from platform_assets.flow.attestations import attestations, evidence_folder
from platform_assets.flow.evidence import bundle_predicate, bundle_statement
from platform_assets.flow.requirements import evaluate, unmet
from platform_assets.flow.requirements_of_secrets import NAME as NO_SECRET
from platform_assets.flow.requirements_of_secrets import secret_problems, stated_detector
from platform_assets.flow.run_records import RunRecords
from platform_assets.flow.signing import open_statement
from platform_assets.identifiers import RunId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from platform_assets.flow.requirements import Requirement
    from platform_assets.flow.signing import SignedStatement
    from platform_assets.ports.signer import Trust

Found = tuple[str, str]
_BUNDLE = "bundle.json"


def record_findings(
    bundle: SignedStatement, files: Mapping[str, bytes], trust: Trust
) -> list[Found]:
    """Return pairs of place and problem for whatever the records do not bear out.

    Args:
        bundle: the opened evidence.
        files: path -> bytes of the listed records that are as listed.
        trust: the keys whose signatures count.
    """
    evidence = bundle.predicate
    folder = evidence_folder(evidence["run_id"], evidence["epoch"])
    written = {path: data for path, data in files.items() if path.startswith(folder)}
    records = RunRecords(
        run=RunId.parse(evidence["run_id"]),
        documents={path: data for path, data in files.items() if path not in written},
        policies={name: product["policy"] for name, product in evidence["products"].items()},
        epoch=evidence["epoch"],
        nonce=evidence["nonce"],
        trust=trust,
        searched_by=stated_detector(evidence["requirements"]),
    )
    return [
        *((d.path, d.problem) for d in records.parsed.values() if d.problem),  # 5
        *_judged(lambda: _judged_again(records, bundle, written)),  # 6, 7
        *_judged(lambda: _attested(records, written)),  # 8
        *_keys(bundle, folder, written),
        *_secrets(records, bundle, written),
    ]


def _judged(judge: Callable[[], Iterable[Found]]) -> Iterable[Found]:
    """Turn signed records of a shape that no closer writes into a finding.

    The schemas leave a feed's declaration open, so what is read from it may not be there.
    """
    try:
        yield from judge()
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        yield _BUNDLE, f"its records cannot be judged: {type(error).__name__}: {error}"


def _judged_again(
    records: RunRecords, bundle: SignedStatement, written: Mapping[str, bytes]
) -> Iterable[Found]:
    evidence = bundle.predicate
    requirements = evaluate(records)
    yield from _requirements(requirements, evidence["requirements"])
    if unmet(requirements):
        return
    rebuilt = bundle_predicate(
        records,
        requirements,
        written,
        closed_at=evidence["closed_at"],
        code=evidence["code"],
        keys=evidence["keys"],
        log=evidence["log"],
    )
    for key, value in rebuilt.items():
        if evidence[key] != value:
            yield _BUNDLE, f"{key} is not what the records say"
    if bundle_statement(rebuilt, records).subjects != bundle.subjects:
        yield _BUNDLE, "its subjects are not the manifests of the products"


def _requirements(
    requirements: list[Requirement], recorded: list[Mapping[str, Any]]
) -> Iterable[Found]:
    stated = {requirement["name"]: requirement for requirement in recorded}
    for requirement in requirements:
        if not requirement.satisfied:
            yield requirement.name, requirement.detail
        if stated.get(requirement.name) != requirement.as_json():
            said = stated.get(requirement.name, {}).get("detail", "nothing")
            yield (
                requirement.name,
                f"the evidence says: {said}; the records say: {requirement.detail}",
            )


def _attested(records: RunRecords, written: Mapping[str, bytes]) -> Iterable[Found]:
    for path, expected in attestations(records).items():
        if path not in written:
            yield path, "absent: the closure signs one for every product"
            continue
        try:
            said = open_statement(
                written[path], records.trust, thing=path, predicate_type=expected.predicate_type
            )
        except PlatformError as error:
            yield path, f"{error.code}: expected {error.expected}, found {error.found}"
            continue
        if said.payload() != expected.payload():
            yield path, "is not what the records say"


def _secrets(
    records: RunRecords, bundle: SignedStatement, written: Mapping[str, bytes]
) -> Iterable[Found]:
    """Search what the closure wrote beside the records, by the forms that it says it searched by."""
    files = {**written, _BUNDLE: canonical_bytes(bundle.predicate)}
    for problem in secret_problems(files, by=records.searched_by):
        yield NO_SECRET, problem


def _keys(bundle: SignedStatement, folder: str, written: Mapping[str, bytes]) -> Iterable[Found]:
    held = {f"{folder}keys/{keyid}.pem" for keyid in bundle.predicate["keys"]}
    for path in sorted(held - set(written)):
        yield path, "absent: the evidence names the key and does not hold it"
    for keyid in sorted(set(bundle.keyids) - set(bundle.predicate["keys"])):
        yield _BUNDLE, f"is signed by {keyid}, which it does not name"
