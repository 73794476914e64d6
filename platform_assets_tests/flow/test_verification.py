"""I12: a bundle verifies from itself alone, and nothing in it can change unseen."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.adapters.archive import canonical_header, export_bundle, open_bundle
from platform_assets.adapters.key_files import KeyTrust
from platform_assets.errors import (
    AlreadyExists,
    BundleUnreadable,
    PlatformError,
    VerificationFailed,
)
from platform_assets.flow.attestations import model_signature_path, provenance_path
from platform_assets.flow.evidence import file_entry, seal_statement
from platform_assets.flow.signing import (
    CLOSURE,
    EVIDENCE,
    MODEL_SIGNATURE,
    PROVENANCE,
    Statement,
    open_statement,
    sign_statement,
)
from platform_assets.flow.verification import Verification, verify
from platform_assets.pipeline import layout
from platform_assets.pipeline.verify import verify_bundle
from platform_assets_tests.simulators.closed_run import (
    NOW,
    RUN,
    MemoryBundle,
    closed_feed,
    log_files,
    new_signer,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platform_assets_tests.simulators.closed_run import ClosedFeed


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> ClosedFeed:
    return closed_feed(tmp_path_factory.mktemp("feed"))


@pytest.fixture
def bundle(feed: ClosedFeed) -> MemoryBundle:
    return feed.bundle(RUN)


def problems(bundle: MemoryBundle, feed: ClosedFeed) -> dict[str, str]:
    result = verify(bundle, feed.trust, self_asserted=False)
    return {finding.where: finding.problem for finding in result.findings}


def test_i12_a_bundle_verifies_with_and_without_its_data(feed: ClosedFeed) -> None:
    for with_data in (True, False):
        result = verify(
            feed.bundle(RUN, with_data=with_data), feed.trust, self_asserted=False
        ).require()
        assert result.run_id == str(RUN)
        assert result.facts["totals"] == feed.predicate["totals"]
        # six of the run, and the part of the run before it that was consulted
        assert result.facts["data"] == (7 if with_data else "not included")
        assert result.facts["signed_by"] == [feed.signer.keyid]


def test_i12_every_file_removed_altered_or_emptied_is_found(
    feed: ClosedFeed, bundle: MemoryBundle
) -> None:
    for path, data in bundle.files.items():
        rest = {p: d for p, d in bundle.files.items() if p != path}
        altered = data[:-1] + bytes([data[-1] ^ 1])
        for files in (
            rest,
            {**rest, path: altered},
            {**rest, path: b""},
            {**rest, path: data + b" "},
        ):
            assert path in problems(MemoryBundle(files), feed), path


def test_i12_every_file_swapped_with_another_is_found(
    feed: ClosedFeed, bundle: MemoryBundle
) -> None:
    paths = bundle.paths()
    for one, other in pairwise(paths):
        swapped = {**bundle.files, one: bundle.files[other], other: bundle.files[one]}
        assert {one, other} & set(problems(MemoryBundle(swapped), feed))


def test_i12_a_file_that_is_not_listed_is_found(feed: ClosedFeed, bundle: MemoryBundle) -> None:
    bundle.files["runs/extra.txt"] = b""
    assert problems(bundle, feed) == {"runs/extra.txt": "is not listed in the evidence"}


def test_all_findings_are_reported_and_not_the_first(
    feed: ClosedFeed, bundle: MemoryBundle
) -> None:
    bundle.files[layout.landing_receipt_path(RUN, "pay")] += b" "
    bundle.files[layout.manifest_path(RUN, "scores", 1)] += b" "
    del bundle.files["seal.json"]
    result = verify(bundle, feed.trust, self_asserted=False)
    found = {finding.where for finding in result.findings}
    assert {"seal.json", "LandingReconciles", "EveryProductCertified"} <= found
    with pytest.raises(VerificationFailed, match="LandingReconciles"):
        result.require()


def test_a_bundle_signed_by_nobody_that_is_trusted_is_refused(bundle: MemoryBundle) -> None:
    result = verify(bundle, KeyTrust([]), self_asserted=False)
    assert {f.where for f in result.findings} == {"seal.json", "bundle.json"}
    assert all("SignerUntrusted" in f.problem for f in result.findings)


def test_the_seal_of_another_run_does_not_close_this_one(
    feed: ClosedFeed, bundle: MemoryBundle
) -> None:
    assert RUN.predecessor is not None
    seal = feed.store.read(f"{layout.closure_folder(RUN.predecessor)}/0001.seal")
    bundle.files["seal.json"] = seal
    assert "seal.json" in problems(bundle, feed)


# --- a signer who lies: everything is signed and hashed, but the records do not bear it out -------


def resealed(
    feed: ClosedFeed, change: Callable[[dict[str, Any]], None], with_data: bool = True
) -> MemoryBundle:
    """Sign changed evidence with the right key, seal it anew and enter that into the log."""
    bundle = feed.bundle(RUN, with_data=with_data)
    opened = open_statement(
        bundle.files["bundle.json"], feed.trust, thing="bundle", predicate_type=EVIDENCE
    )
    predicate = dict(opened.predicate)
    change(predicate)
    statement = Statement(EVIDENCE, opened.subjects, predicate)
    bundle.files["bundle.json"] = sign_statement(feed.signer, statement)
    seal = seal_statement(predicate, bundle.files["bundle.json"], NOW)
    bundle.files["seal.json"] = sign_statement(feed.signer, seal)
    bundle.files |= log_files(feed.entry_of(bundle.files["bundle.json"]))
    return bundle


def test_evidence_that_is_signed_again_unchanged_still_verifies(feed: ClosedFeed) -> None:
    assert problems(resealed(feed, lambda _: None), feed) == {}


def total(predicate: dict[str, Any]) -> None:
    predicate["totals"] = {**predicate["totals"], "quarantined": 0}


def requirement(predicate: dict[str, Any]) -> None:
    predicate["requirements"] = predicate["requirements"][1:]


def words(predicate: dict[str, Any]) -> None:
    first, *rest = predicate["requirements"]
    predicate["requirements"] = [{**first, "detail": "all is well"}, *rest]


def policy(predicate: dict[str, Any]) -> None:
    products = predicate["products"]
    weaker = {**products["auths"]["policy"], "checks": [{"name": "other", "check": "schema"}]}
    predicate["products"] = {**products, "auths": {**products["auths"], "policy": weaker}}


def product(predicate: dict[str, Any]) -> None:
    predicate["products"] = {"auths": predicate["products"]["auths"]}


def forgotten_data(predicate: dict[str, Any]) -> None:
    predicate["data"] = predicate["data"][1:]


def forgotten_record(predicate: dict[str, Any]) -> None:
    path = layout.consumption_path(RUN, "scores", 1)
    predicate["records"] = [entry for entry in predicate["records"] if entry["path"] != path]


def nonce(predicate: dict[str, Any]) -> None:
    predicate["nonce"] = "f" * 32


def keyless(predicate: dict[str, Any]) -> None:
    predicate["keys"] = ["f" * 64]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (total, "bundle.json"),
        (requirement, "AnchorsPinned"),
        (words, "AnchorsPinned"),
        (policy, "EveryProductCertified"),
        (product, "EveryProductCertified"),
        (forgotten_data, "bundle.json"),
        (forgotten_record, "EveryConsumerRecorded"),
        (nonce, "HoldsClaim"),
        (keyless, "bundle.json"),
    ],
)
def test_evidence_that_says_other_than_its_records_is_found(
    feed: ClosedFeed, change: Callable[[dict[str, Any]], None], where: str
) -> None:
    assert where in problems(resealed(feed, change), feed)


@pytest.mark.parametrize("key", ["nonce", "epoch", "run_id", "config_digest", "bundle_digest"])
def test_a_seal_that_says_other_than_its_bundle_is_found(feed: ClosedFeed, key: str) -> None:
    bundle = feed.bundle(RUN)
    seal = open_statement(
        bundle.files["seal.json"], feed.trust, thing="seal", predicate_type=CLOSURE
    )
    other = {
        "nonce": "f" * 32,
        "epoch": 2,
        "run_id": "payments-00000009",
        "config_digest": "sha256:" + "f" * 64,
        "bundle_digest": "sha256:" + "f" * 64,
    }
    changed = Statement(CLOSURE, seal.subjects, {**seal.predicate, key: other[key]})
    bundle.files["seal.json"] = sign_statement(feed.signer, changed)
    assert set(problems(bundle, feed)) == {"seal.json"}


@pytest.mark.parametrize("path_of", [provenance_path, model_signature_path])
def test_an_attestation_that_says_other_than_its_records_is_found(
    feed: ClosedFeed, path_of: Callable[[str, int, str], str]
) -> None:
    told, true = (path_of(str(RUN), 1, name) for name in ("auths", "scores"))
    other = feed.bundle(RUN).files[true]

    def listed(predicate: dict[str, Any]) -> None:
        predicate["records"] = [
            file_entry(told, other) if entry["path"] == told else entry
            for entry in predicate["records"]
        ]

    bundle = resealed(feed, listed)
    bundle.files[told] = other
    assert problems(bundle, feed) == {told: "is not what the records say"}


@pytest.mark.parametrize("path_of", [provenance_path, model_signature_path])
def test_an_attestation_that_was_never_signed_is_found(
    feed: ClosedFeed, path_of: Callable[[str, int, str], str]
) -> None:
    path = path_of(str(RUN), 1, "auths")

    def unlisted(predicate: dict[str, Any]) -> None:
        predicate["records"] = [e for e in predicate["records"] if e["path"] != path]

    bundle = resealed(feed, unlisted)
    del bundle.files[path]
    assert set(problems(bundle, feed)) == {path}


@pytest.mark.parametrize("path_of", [provenance_path, model_signature_path])
def test_an_attestation_by_a_key_that_is_not_trusted_is_found(
    feed: ClosedFeed, path_of: Callable[[str, int, str], str]
) -> None:
    path = path_of(str(RUN), 1, "auths")
    held = feed.bundle(RUN)
    predicate_type = PROVENANCE if path_of is provenance_path else MODEL_SIGNATURE
    true = open_statement(held.files[path], feed.trust, thing="x", predicate_type=predicate_type)
    other = sign_statement(new_signer(), true)

    def listed(predicate: dict[str, Any]) -> None:
        predicate["records"] = [
            file_entry(path, other) if entry["path"] == path else entry
            for entry in predicate["records"]
        ]

    bundle = resealed(feed, listed)
    bundle.files[path] = other
    assert problems(bundle, feed)[path].startswith("SignerUntrusted")


def test_a_configuration_that_no_home_would_write_is_a_finding_and_never_an_error(
    feed: ClosedFeed,
) -> None:
    bundle = feed.bundle(RUN)
    for path in bundle.paths():
        if path.endswith(".json"):
            broken = MemoryBundle({**bundle.files, path: b'{"record":"landing","version":1}'})
            assert problems(broken, feed)


# --- exported: a directory or an archive -----------------------------------------------------------


def test_i12_an_export_verifies_without_the_home_by_its_own_key_or_a_given_one(
    feed: ClosedFeed, tmp_path: Path
) -> None:
    bundle = feed.bundle(RUN)
    key = tmp_path / "key.pem"
    key.write_bytes(feed.signer.public_key_pem)
    other = tmp_path / "other.pem"
    other.write_bytes(new_signer().public_key_pem)
    for target in (tmp_path / "run.tar", tmp_path / "run"):
        export_bundle(bundle, bundle.paths(), target)
        asserted = verify_bundle(target).require()
        assert asserted.facts["keys"] == "self-asserted"
        given = verify_bundle(target, [key]).require()
        assert given.facts["keys"] == "given"
        assert not verify_bundle(target, [other]).ok
        with pytest.raises(AlreadyExists):
            export_bundle(bundle, bundle.paths(), target)


def test_the_same_bundle_gives_the_same_archive(feed: ClosedFeed, tmp_path: Path) -> None:
    bundle = feed.bundle(RUN)
    export_bundle(bundle, bundle.paths(), tmp_path / "one.tar")
    export_bundle(bundle, reversed(bundle.paths()), tmp_path / "two.tar")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.tar", "two.tar"]


def test_the_archive_is_a_plain_tar_that_others_read(feed: ClosedFeed, tmp_path: Path) -> None:
    import tarfile  # noqa: PLC0415 - only here

    bundle = feed.bundle(RUN)
    bundle.files["runs/" + "a" * 150 + "/" + "b" * 150] = b"long"
    export_bundle(bundle, bundle.paths(), tmp_path / "run.tar")
    with tarfile.open(tmp_path / "run.tar") as archive:
        assert archive.getnames() == bundle.paths()
    opened = open_bundle(tmp_path / "run.tar")
    assert list(opened.problems()) == []
    assert {path: opened.read(path) for path in opened.paths()} == bundle.files
    assert opened.fingerprints(opened.paths()) == bundle.fingerprints(bundle.paths())


def verdict(path: Path) -> Verification | None:
    try:
        return verify_bundle(path)
    except PlatformError:
        return None  # refused at the door


def test_i12_a_change_of_any_single_byte_of_an_archive_is_found(
    feed: ClosedFeed, tmp_path: Path
) -> None:
    bundle = feed.bundle(RUN)
    export_bundle(bundle, bundle.paths(), tmp_path / "run.tar")
    data = (tmp_path / "run.tar").read_bytes()
    choose = random.Random(12)  # noqa: S311 - a reproducible choice, no secret
    headers = [n for n in range(len(data)) if not data[n]]  # padding, and unused header fields
    places = [*choose.sample(range(len(data)), 100), *choose.sample(headers, 100), len(data) - 1]
    changed = tmp_path / "changed.tar"
    for place in places:
        other = bytes([data[place] ^ choose.randint(1, 255)])
        changed.write_bytes(data[:place] + other + data[place + 1 :])
        result = verdict(changed)
        assert result is None or not result.ok, place


def test_i12_an_archive_that_is_cut_grown_doubled_or_reordered_is_found(
    feed: ClosedFeed, tmp_path: Path
) -> None:
    bundle = feed.bundle(RUN)
    export_bundle(bundle, bundle.paths(), tmp_path / "run.tar")
    data = (tmp_path / "run.tar").read_bytes()
    first = len(canonical_header("bundle.json", 1)) + 512 * -(
        -len(bundle.files["bundle.json"]) // 512
    )
    forms = [
        *(data[:cut] for cut in (0, 1, 512, first, first + 100, len(data) - 1024, len(data) - 1)),
        data + b"\0",
        data + data,
        data[:-1024] + data,
        data[:first] + data[:first] + data[first:],
        data[first:-1024] + data[:first] + data[-1024:],
        b"\0" * 512 + data,
    ]
    for form in forms:
        (tmp_path / "changed.tar").write_bytes(form)
        result = verdict(tmp_path / "changed.tar")
        assert result is None or not result.ok


def test_i12_a_link_or_a_hidden_file_in_a_directory_is_found(
    feed: ClosedFeed, tmp_path: Path
) -> None:
    bundle = feed.bundle(RUN)
    export_bundle(bundle, bundle.paths(), tmp_path / "run")
    (tmp_path / "run" / ".hidden").write_bytes(b"")
    assert [f.where for f in verify_bundle(tmp_path / "run").findings] == [".hidden"]
    (tmp_path / "run" / ".hidden").unlink()
    receipt = tmp_path / "run" / layout.landing_receipt_path(RUN, "pay")
    receipt.rename(tmp_path / "receipt")
    receipt.symlink_to(tmp_path / "receipt")
    found = {f.where: f.problem for f in verify_bundle(tmp_path / "run").findings}
    assert "not a regular file" in found[layout.landing_receipt_path(RUN, "pay")] or (
        found[layout.landing_receipt_path(RUN, "pay")] == "absent"
    )
    receipt.unlink()
    (tmp_path / "receipt").rename(receipt)
    runs = tmp_path / "run" / "runs"
    runs.rename(tmp_path / "elsewhere")
    runs.symlink_to(tmp_path / "elsewhere")
    assert not verify_bundle(tmp_path / "run").ok


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.tar").write_text("no archive")
    for path in (tmp_path / "absent", tmp_path / "text.tar"):
        with pytest.raises(BundleUnreadable):
            open_bundle(path)
    (tmp_path / "empty").mkdir()
    assert {f.where for f in verify_bundle(tmp_path / "empty").findings} == {
        "seal.json",
        "bundle.json",
    }


def test_a_finding_makes_a_verification_bad() -> None:
    good = Verification("", ())
    assert good.ok
    assert not replace(good, findings=("anything",)).ok  # type: ignore[arg-type]
