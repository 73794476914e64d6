"""I10: each requirement of a closure is falsified on its own, and only it complains."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.adapters.key_files import KeyTrust
from platform_assets.canonical import canonical_bytes, parse_canonical
from platform_assets.flow.closure import ClosureOf
from platform_assets.flow.evidence import bundle_predicate
from platform_assets.flow.requirements import REQUIREMENT_NAMES, evaluate, unmet
from platform_assets.flow.secret_scan import secrets_in
from platform_assets.flow.signing import Statement, Subject, sign_statement
from platform_assets.pipeline import layout
from platform_assets_tests.simulators.closed_run import (
    CODE,
    CONFIG,
    NOW,
    RUN,
    ready_feed,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platform_assets.flow.run_records import RunRecords
    from platform_assets_tests.simulators.closed_run import ClosedFeed

BEFORE = RUN.predecessor
assert BEFORE is not None
ANCHORS, ANCHORS_BEFORE = layout.anchors_path(RUN), layout.anchors_path(BEFORE)
LANDING = layout.landing_receipt_path(RUN, "pay")
ADMISSION = layout.admission_receipt_path(RUN, "pay")
MANIFEST = layout.manifest_path(RUN, "auths", 1)
CONSUMPTION = layout.consumption_path(RUN, "scores", 1)
CERTIFICATE = layout.certificate_path(RUN, "auths", 1, 1)
CLAIM = f"{layout.closure_folder(RUN)}/0001.claim"
SEAL_BEFORE = f"{layout.closure_folder(BEFORE)}/0001.seal"
BUNDLE_BEFORE = f"{layout.evidence_folder(BEFORE, 1)}/bundle.json"
VOID = ClosureOf(layout.closure_folder(RUN), str(RUN), CONFIG).record("void", 1, "0" * 32, by="x")
CONFIGURATION = layout.configuration_path(CONFIG)


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> ClosedFeed:
    return ready_feed(tmp_path_factory.mktemp("feed"))


@pytest.fixture(scope="module")
def records(feed: ClosedFeed) -> RunRecords:
    return feed.records(RUN, feed.claim(RUN))


def changed(records: RunRecords, path: str, change: Callable[[Any], Any]) -> RunRecords:
    record = parse_canonical(records.documents[path], path)
    change(record)
    return replace(records, documents={**records.documents, path: canonical_bytes(record)})


def without(records: RunRecords, *paths: str) -> RunRecords:
    kept = {path: data for path, data in records.documents.items() if path not in paths}
    return replace(records, documents=kept)


def unmet_names(records: RunRecords) -> list[str]:
    return [requirement.name for requirement in unmet(evaluate(records))]


def partition(record: Any) -> Any:
    return (record.get("streams") or [record])[0]["partitions"][0]


def test_i10_a_sound_run_meets_every_requirement_and_says_what_it_counted(
    records: RunRecords,
) -> None:
    verdicts = evaluate(records)
    assert tuple(verdict.name for verdict in verdicts) == REQUIREMENT_NAMES
    assert unmet(verdicts) == []
    details = {verdict.name: verdict.detail for verdict in verdicts}
    assert "9 delivered + 1 proven gaps" in details["LandingReconciles"]
    assert (
        "9 delivered = 6 admitted + 2 duplicate + 1 quarantined" in (details["AdmissionReconciles"])
    )


def test_i10_no_records_at_all_meet_nothing(records: RunRecords) -> None:
    assert unmet_names(replace(records, documents={})) == list(REQUIREMENT_NAMES)


def test_a_requirement_that_was_not_evaluated_is_not_met(records: RunRecords) -> None:
    verdicts = evaluate(records)
    assert [r.detail for r in unmet(verdicts[1:])] == ["not evaluated"]
    with pytest.raises(RuntimeError, match="AnchorsPinned"):
        bundle_predicate(
            records, verdicts[1:], {}, closed_at=NOW, code=CODE, keys=["0" * 64], log={}
        )


def more(field: str, by: int = 1) -> Callable[[Any], None]:
    def change(record: Any) -> None:
        record[field] += by

    return change


def in_partition(field: str, value: Any) -> Callable[[Any], None]:
    def change(record: Any) -> None:
        partition(record)[field] = value

    return change


def both(*changes: Callable[[Any], None]) -> Callable[[Any], None]:
    def change(record: Any) -> None:
        for each in changes:
            each(record)

    return change


def gap(start: int, end: int, proof: str = "topic") -> Callable[[Any], None]:
    gaps = [{"start": start, "end": end, "kind": "compacted", "proof": proof}]
    return in_partition("gaps", gaps)


def table_rows(table: str, by: int) -> Callable[[Any], None]:
    def change(record: Any) -> None:
        found = record["events"]["auth"] if table == "auth" else record[table]
        found["rows"] += by

    return change


def accepted(rows: int) -> Callable[[Any], None]:
    def change(record: Any) -> None:
        record["events"]["auth"]["accepted"] = rows

    return change


def accepted_parts(rows: int) -> Callable[[Any], None]:
    def change(record: Any) -> None:
        record["events"]["auth"]["parts"][0]["rows"] = rows

    return change


def part_path(path: str) -> Callable[[Any], None]:
    def change(record: Any) -> None:
        record["parts"][0]["path"] = path

    return change


RECONCILIATIONS = [
    # a record is lost between the anchors and the landing
    ("LandingReconciles", LANDING, in_partition("delivered", 8)),
    ("LandingReconciles", LANDING, both(in_partition("delivered", 8), more("delivered", -1))),
    # gaps that overlap, stand outside, count the wrong way or have no proof
    ("LandingReconciles", LANDING, gap(9, 10)),
    ("LandingReconciles", LANDING, gap(20, 21)),
    ("LandingReconciles", LANDING, gap(12, 11)),
    ("LandingReconciles", LANDING, gap(10, 11, proof="")),
    ("LandingReconciles", LANDING, gap(10, 12)),
    # totals and parts that say something else
    ("LandingReconciles", LANDING, more("delivered")),
    ("LandingReconciles", LANDING, lambda r: r.update(parts=[])),
    ("LandingReconciles", LANDING, part_path("landing/other/part")),
    ("LandingReconciles", LANDING, part_path("landing/pay/../../x/part")),
    # another range, other anchors
    ("LandingReconciles", LANDING, in_partition("partition", "1")),
    ("LandingReconciles", LANDING, both(in_partition("start", 11), gap(11, 11))),
    ("LandingReconciles", LANDING, lambda r: r.update(anchors_digest="sha256:" + "0" * 64)),
    ("LandingReconciles", LANDING, lambda r: r.update(partitions=[])),
    # a record that vanishes between landing and admission
    ("AdmissionReconciles", ADMISSION, in_partition("admitted", 5)),
    ("AdmissionReconciles", ADMISSION, in_partition("delivered", 8)),
    ("AdmissionReconciles", ADMISSION, in_partition("partition", "1")),
    ("AdmissionReconciles", ADMISSION, more("duplicate")),
    ("AdmissionReconciles", ADMISSION, both(more("duplicate"), more("quarantined", -1))),
    ("AdmissionReconciles", ADMISSION, table_rows("auth", 1)),
    # accepted rows that are neither admitted nor set aside, or more of these than were accepted
    ("AdmissionReconciles", ADMISSION, accepted(9)),
    ("AdmissionReconciles", ADMISSION, accepted(7)),
    ("AdmissionReconciles", ADMISSION, both(accepted(5), accepted_parts(5))),
    ("AdmissionReconciles", ADMISSION, both(accepted(9), accepted_parts(9))),
    ("AdmissionReconciles", ADMISSION, lambda r: r.update(reasons={"PAYLOAD_MISMATCH": 1})),
    ("AdmissionReconciles", ADMISSION, table_rows("duplicates", 1)),
    ("AdmissionReconciles", ADMISSION, table_rows("quarantine", -1)),
    ("AdmissionReconciles", ADMISSION, lambda r: r["quarantine"].update(parts=[])),
    ("AdmissionReconciles", ADMISSION, lambda r: r.update(reasons={})),
    ("AdmissionReconciles", ADMISSION, lambda r: r.update(landing_digest="sha256:" + "0" * 64)),
    ("AdmissionReconciles", ADMISSION, lambda r: r.update(partitions=[])),
]


@pytest.mark.parametrize(("name", "path", "change"), RECONCILIATIONS)
def test_i02_i03_counts_that_do_not_add_up_are_named(
    records: RunRecords, name: str, path: str, change: Callable[[Any], Any]
) -> None:
    names = unmet_names(changed(records, path, change))
    assert name in names
    # What names the changed record by its digest complains as well, and nothing else does.
    linked = {"AdmissionReconciles", "EveryProductCertified"}
    assert set(names) - {name} <= linked


def as_of_version_1(record: Any) -> None:
    """Parts of events that hold what is admitted, and nothing else."""
    record["version"] = 1
    table = record["events"]["auth"]
    del table["accepted"]
    table["parts"][0]["rows"] = table["rows"]


def test_i03_a_receipt_of_version_1_is_held_against_what_its_parts_hold(
    records: RunRecords,
) -> None:
    before = changed(records, ADMISSION, as_of_version_1)
    assert "AdmissionReconciles" not in unmet_names(before)
    for change in (table_rows("auth", 1), accepted_parts(7), table_rows("duplicates", -1)):
        assert "AdmissionReconciles" in unmet_names(changed(before, ADMISSION, change))
    with_later_field = changed(before, ADMISSION, accepted(6))
    assert "AdmissionReconciles" in unmet_names(with_later_field)


def with_file(records: RunRecords, path: str, data: bytes) -> RunRecords:
    return replace(records, documents={**records.documents, path: data})


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("EveryConsumerRecorded", lambda r: without(r, CONSUMPTION)),
        ("OneRunScope", lambda r: with_file(r, f"runs/{RUN}/notes.json", b"{}")),
        ("OneRunScope", lambda r: without(r, BUNDLE_BEFORE)),
        ("OneRunScope", lambda r: without(r, SEAL_BEFORE)),
        ("NoSecretFound", lambda r: replace(r, secrets=frozenset({"compacted"}))),
        ("HoldsClaim", lambda r: replace(r, nonce="f" * 32)),
        ("HoldsClaim", lambda r: without(r, CLAIM)),
        ("HoldsClaim", lambda r: replace(r, epoch=2)),
        ("HoldsClaim", lambda r: with_file(r, CLAIM.replace("claim", "seal"), VOID)),
        ("EveryProductCertified", lambda r: replace(r, policies={})),
        ("EveryProductCertified", lambda r: without(r, CERTIFICATE)),
        ("EveryProductCertified", lambda r: replace(r, trust=KeyTrust([]))),
    ],
)
def test_i10_one_requirement_falsified_is_named_and_nothing_unrelated(
    records: RunRecords, name: str, change: Callable[[RunRecords], RunRecords]
) -> None:
    names = set(unmet_names(change(records)))
    assert name in names
    # A certificate that is gone is missed by its reader too; without keys no other run is proven.
    related = {"EveryProductCertified": {"EveryConsumerRecorded", "OneRunScope"}}
    assert names - {name} <= related.get(name, set())


def test_i10_anchors_without_offsets_streams_or_partitions_pin_nothing(
    records: RunRecords,
) -> None:
    changes: list[Callable[[Any], Any]] = [
        lambda r: r["streams"][0].update(partitions=[]),
        lambda r: r["streams"][0]["partitions"].append(partition(r)),
        lambda r: r["streams"][0].update(stream="other"),
        in_partition("end", 10),
        in_partition("end", 9),
        lambda r: r.update(run_id="payments-00000003"),
    ]
    for change in changes:
        assert "AnchorsPinned" in unmet_names(changed(records, ANCHORS, change))


def test_i01_a_chain_that_skips_repeats_or_relinks_is_broken(records: RunRecords) -> None:
    changes: list[Callable[[Any], Any]] = [
        in_partition("start", 11),  # an offset is skipped
        in_partition("start", 9),  # an offset is counted twice
        in_partition("origin", "earliest"),
        in_partition("partition", "1"),
        in_partition("cluster", "other"),
        in_partition("incarnation", "recreated"),  # another topic under the same name
        lambda r: r["streams"][0].update(kind="kafka"),
        lambda r: r.update(predecessor="sha256:" + "0" * 64),
        lambda r: r.update(predecessor=None),
    ]
    for change in changes:
        assert "ChainUnbroken" in unmet_names(changed(records, ANCHORS, change))
    assert "ChainUnbroken" in unmet_names(without(records, ANCHORS_BEFORE))
    other = changed(records, ANCHORS_BEFORE, lambda r: r.update(pinned_at=NOW.replace("1", "2")))
    assert "ChainUnbroken" in unmet_names(other)


def test_a_record_under_another_configuration_is_named(records: RunRecords) -> None:
    other = changed(records, ADMISSION, lambda r: r.update(config_digest="sha256:" + "0" * 64))
    assert "OneConfigDigest" in unmet_names(other)
    assert "OneConfigDigest" in unmet_names(without(records, CONFIGURATION))


def test_i08_an_input_of_a_run_that_is_not_closed_is_out_of_scope(records: RunRecords) -> None:
    open_run = without(records, SEAL_BEFORE)
    detail = {r.name: r.detail for r in evaluate(open_run)}["OneRunScope"]
    assert "payments-00000001: it has 0 seals here" in detail


def test_i08_an_input_other_than_the_closed_one_is_out_of_scope(records: RunRecords) -> None:
    def other_input(record: Any) -> None:
        record["inputs"][0]["manifest_digest"] = "sha256:" + "0" * 64

    detail = {r.name: r.detail for r in evaluate(changed(records, CONSUMPTION, other_input))}
    assert "auths was used with the manifest_digest" in detail["OneRunScope"]


def test_i08_a_consumption_that_leaves_out_or_invents_an_input_is_named(
    records: RunRecords,
) -> None:
    def other_output(record: Any) -> None:
        record["output"]["manifest_digest"] = "sha256:" + "0" * 64

    def stale(record: Any) -> None:
        record["inputs"][1]["certificate_digest"] = "sha256:" + "0" * 64

    left_out: list[Callable[[Any], Any]] = [
        lambda r: r["inputs"].pop(0),
        lambda r: r["inputs"].pop(1),
    ]
    for change in (*left_out, other_output, stale):
        assert "EveryConsumerRecorded" in unmet_names(changed(records, CONSUMPTION, change))


def test_i06_a_product_that_failed_or_was_revoked_keeps_the_run_open(tmp_path: Path) -> None:
    feed = ready_feed(tmp_path)
    feed.certify(RUN, "auths", outcome="FAIL", issue=2)
    failed = feed.records(RUN, feed.claim(RUN))
    detail = {r.name: r.detail for r in evaluate(failed)}["EveryProductCertified"]
    assert "auths: CertificateFailed" in detail


def test_a_generation_that_is_claimed_and_not_written_keeps_the_run_open(
    records: RunRecords, feed: ClosedFeed
) -> None:
    pending = feed.record(
        "generation", RUN, product="auths", generation=2, manifest_digest="sha256:" + "0" * 64
    )
    path = layout.generation_claim_path(RUN, "auths", 2)
    detail = {
        r.name: r.detail for r in evaluate(with_file(records, path, canonical_bytes(pending)))
    }["EveryProductCertified"]
    assert "auths: GenerationPending" in detail


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b"\xff", b'{"a":1,"a":1}', b'{"record":"landing"}', b" " * 10, b"[" * 9999],
)
def test_a_record_that_nobody_can_read_is_named_and_never_an_error(
    records: RunRecords, data: bytes
) -> None:
    for path in records.documents:
        assert unmet_names(with_file(records, path, data)), path


def test_a_record_in_the_place_of_another_is_named(records: RunRecords) -> None:
    documents = list(records.documents.items())
    for index, (path, data) in enumerate(documents):
        for other, theirs in (documents[index - 1], documents[index - 4]):
            assert data != theirs
            assert unmet_names(with_file(records, path, theirs)), (path, other)


def test_what_nothing_refers_to_has_no_place_among_the_records(records: RunRecords) -> None:
    third = CERTIFICATE.replace(str(RUN), "payments-00000003")
    detail = {r.name: r.detail for r in evaluate(with_file(records, third, b"{}"))}["OneRunScope"]
    assert "a run that nothing refers to" in detail
    foreign = layout.certificate_path(BEFORE, "scores", 1, 1)
    other = with_file(records, foreign, records.documents[CERTIFICATE])
    assert "is not what was used" in {r.name: r.detail for r in evaluate(other)}["OneRunScope"]


# --- secrets -------------------------------------------------------------------------------------

TOKENS = {
    "a private key": "-----BEGIN " + "EC PRIVATE KEY-----",
    "an AWS access key": "AKIA" + "A" * 16,
    "a GitHub token": "ghp_" + "a" * 36,
    "a Slack token": "xoxb-" + "1" * 12,
    "a JSON web token": "eyJ" + "a" * 12 + ".eyJ" + "b" * 12 + "." + "c" * 12,
    "a password in a URL": "https://user:" + "pass@example.org",
}


@pytest.mark.parametrize("kind", TOKENS)
def test_i14_the_form_of_a_secret_is_found_in_plain_records_and_in_signed_ones(
    records: RunRecords, feed: ClosedFeed, kind: str
) -> None:
    token = TOKENS[kind]
    leaked = with_file(records, f"runs/{RUN}/x.json", canonical_bytes({"note": token}))
    detail = {r.name: r.detail for r in evaluate(leaked)}["NoSecretFound"]
    assert f"holds {kind}" in detail
    assert token not in detail


def test_i14_a_known_value_is_found_however_it_is_spelled(feed: ClosedFeed) -> None:
    secret = 'pa"ss/wörd-1234'  # noqa: S105 - made up here
    statement = Statement("urn:x", (Subject("a", "sha256:" + "0" * 64),), {"note": secret})
    spelled = [
        secret.encode(),
        canonical_bytes({"note": secret}),
        b'{"note":"pa\\"ss/w\\u00f6rd-1234"}',
        b"https://x/?q=pa%22ss%2Fw%C3%B6rd-1234",
        *(base64.b64encode(b"x" * n + secret.encode() + b"yyy") for n in range(3)),
        sign_statement(feed.signer, statement),
    ]
    for data in spelled:
        assert secrets_in(data, [secret]) == ["a known secret value"], data
        assert secrets_in(data, ["another value"]) == []
        assert secrets_in(data) == []
