"""What a closure signs about each product follows from its records, whole."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from platform_assets.flow.attestations import attestations, model_signature_path, provenance_path
from platform_assets.flow.model_signature import model_statement
from platform_assets.flow.provenance import builder_id, provenance_of
from platform_assets.pipeline import layout
from platform_assets_tests.simulators.closed_run import RUN, ClosedFeed, ready_feed

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.flow.run_records import RunRecords


@pytest.fixture
def feed(tmp_path: Path) -> ClosedFeed:
    return ready_feed(tmp_path)


@pytest.fixture
def records(feed: ClosedFeed) -> RunRecords:
    return feed.records(RUN, feed.claim(RUN))


def test_every_product_and_consumer_has_provenance_and_a_model_signature(
    records: RunRecords,
) -> None:
    assert set(attestations(records)) == {
        path_of(str(RUN), 1, name)
        for path_of in (provenance_path, model_signature_path)
        for name in ("auths", "scores")
    }


def test_the_materials_of_a_product_are_anchors_configuration_receipts_and_landed_parts(
    feed: ClosedFeed, records: RunRecords
) -> None:
    materials = provenance_of(records, "auths").predicate["buildDefinition"]["resolvedDependencies"]
    configuration = records.configuration
    assert configuration is not None
    expected = [
        layout.anchors_path(RUN),
        configuration.path,
        layout.landing_receipt_path(RUN, "pay"),
        layout.admission_receipt_path(RUN, "pay"),
        f"{layout.landing_folder(RUN, 'pay')}/part-00000.parquet",
    ]
    assert [m["name"] for m in materials] == expected
    for material in materials:
        stored = feed.store.read(material["name"])
        assert material["digest"] == {"sha256": hashlib.sha256(stored).hexdigest()}


def test_the_materials_of_a_consumers_output_are_the_certificates_of_what_it_read(
    feed: ClosedFeed, records: RunRecords
) -> None:
    materials = provenance_of(records, "scores").predicate["buildDefinition"][
        "resolvedDependencies"
    ]
    read = {m["digest"]["sha256"] for m in materials if m["name"].startswith("certificate of")}
    assert read == {
        d.removeprefix("sha256:") for (_, p), d in feed.certificates.items() if p == "auths"
    }
    assert len(read) == 2


def test_the_subjects_of_provenance_are_the_manifest_and_every_part(
    feed: ClosedFeed, records: RunRecords
) -> None:
    for subject in provenance_of(records, "auths").subjects:
        stored = feed.store.read(subject.name)
        assert subject.digest == f"sha256:{hashlib.sha256(stored).hexdigest()}"


def test_the_builder_is_named_by_a_uri_whatever_the_code_is_called(records: RunRecords) -> None:
    for name in ("platform-assets 0.4.0", "ghcr.io/x/y@sha256:ab", "a#b?c ä", "1.0+local"):
        uri = builder_id({"image": None, "revision": None, "package": name})
        parts = urlsplit(uri)
        assert (parts.scheme, parts.query, parts.fragment) == ("urn", "", "")
        assert uri.isascii()
        assert " " not in uri


def test_a_model_signature_lists_the_files_of_the_generations_folder_and_no_other(
    feed: ClosedFeed, records: RunRecords
) -> None:
    statement = model_statement(records, "auths")
    folder = layout.generation_folder(RUN, "auths", 1)
    resources = statement.predicate["resources"]
    assert [r["name"] for r in resources] == ["manifest.json", "part-00000.parquet"]
    for resource in resources:
        stored = feed.store.read(f"{folder}/{resource['name']}")
        assert resource["digest"] == hashlib.sha256(stored).hexdigest()
    root = hashlib.sha256(b"".join(bytes.fromhex(r["digest"]) for r in resources)).hexdigest()
    (subject,) = statement.subjects
    assert (subject.name, subject.digest) == (folder, f"sha256:{root}")


def test_nothing_is_attested_of_a_product_without_a_manifest(records: RunRecords) -> None:
    with pytest.raises(RuntimeError):
        provenance_of(records, "unknown")
    with pytest.raises(RuntimeError):
        model_statement(records, "unknown")
