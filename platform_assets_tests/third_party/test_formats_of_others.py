"""What we sign parses in the models of sigstore and of in-toto, and nothing of it is left over."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement
from sigstore_models.bundle.v1 import Bundle

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets_tests.third_party.conftest import Exported


pytestmark = pytest.mark.xdist_group("third_party")


def signed_files(exported: Exported) -> list[Path]:
    """Every signed file of an export."""
    named = [path for path, _, _ in exported.signed().values()]
    certificates = (exported.run / "certificates").rglob("*.json")
    evidence = exported.run / "evidence" / "0001"
    return [
        *named,
        *certificates,
        *(evidence / "provenance").iterdir(),
        *(evidence / "model").iterdir(),
    ]


def statement_of(path: Path) -> dict[str, Any]:
    payload = json.loads(path.read_bytes())["dsseEnvelope"]["payload"]
    statement: dict[str, Any] = json.loads(base64.b64decode(payload))
    return statement


def test_every_signed_file_is_a_bundle_to_sigstores_models(exported: Exported) -> None:
    assert len(signed_files(exported)) == 5 + 4 + 4 + 4
    for path in signed_files(exported):
        data = path.read_bytes()
        parsed = Bundle.from_json(data)
        assert parsed.media_type == "application/vnd.dev.sigstore.bundle.v0.3+json"
        assert parsed.dsse_envelope is not None
        assert len(parsed.dsse_envelope.signatures) == 1
        assert json.loads(parsed.to_json()) == json.loads(data)


def test_every_statement_is_one_to_in_totos_own_package(exported: Exported) -> None:
    for path in signed_files(exported):
        statement = statement_of(path)
        parsed = json_format.ParseDict(statement, statement_pb2.Statement())
        Statement.copy_from_pb(parsed).validate()
        assert len(parsed.subject) == len(statement["subject"]) > 0
        back = json_format.MessageToDict(parsed)
        assert back["predicateType"] == statement["predicateType"]


def test_provenance_is_slsa_v1_without_a_field_that_slsa_does_not_know(exported: Exported) -> None:
    for path in (exported.run / "evidence" / "0001" / "provenance").iterdir():
        predicate = statement_of(path)["predicate"]
        parsed = json_format.ParseDict(predicate, provenance_pb2.Provenance())  # unknown: an error
        definition, details = parsed.build_definition, parsed.run_details
        for uri in (definition.build_type, details.builder.id):
            assert urlsplit(uri).scheme == "urn"
            assert " " not in uri
        assert json_format.MessageToDict(definition.external_parameters) == {
            "run_id": "shop-00000001",
            "product": path.stem,
            "generation": 1,
        }
        for dependency in definition.resolved_dependencies:
            ResourceDescriptor.copy_from_pb(dependency).validate()
            assert set(dependency.digest) == {"sha256"}
        assert json_format.MessageToDict(parsed) == predicate


def test_provenance_names_anchors_and_every_landed_part_as_materials(exported: Exported) -> None:
    path, _, _ = exported.signed()["provenance"]
    definition = statement_of(path)["predicate"]["buildDefinition"]
    materials = {m["name"]: m["digest"]["sha256"] for m in definition["resolvedDependencies"]}
    landed = {
        str(part.relative_to(exported.folder))
        for part in (exported.run / "landing/orders").iterdir()
    }
    assert landed
    assert landed | {"feeds/shop/00000001.json", "runs/shop-00000001/landing/orders.json"} <= set(
        materials
    )
    for name, digest in materials.items():
        assert hashlib.sha256((exported.folder / name).read_bytes()).hexdigest() == digest


def test_a_certificate_is_an_in_toto_test_result(exported: Exported) -> None:
    for path in (exported.run / "certificates").rglob("*.json"):
        predicate = statement_of(path)["predicate"]
        certificate = predicate.pop("certificate")  # ours; in-toto wants other fields ignored
        parsed = json_format.ParseDict(predicate, test_result_pb2.TestResult())
        assert parsed.result == "PASSED"
        assert sorted(parsed.passed_tests) == sorted(c["name"] for c in certificate["checks"])
        for descriptor in parsed.configuration:
            ResourceDescriptor.copy_from_pb(descriptor).validate()
