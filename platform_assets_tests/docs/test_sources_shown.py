"""The sources and plans that documents show are valid, and what the README says of payments is so."""

from __future__ import annotations

import re
import shlex
import uuid
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
import yaml
from pydantic import TypeAdapter

from platform_assets.declarations import (
    FeedDeclaration,
    KafkaSource,
    KinesisSource,
    SourceDeclaration,
)
from platform_assets.lanes.plan import Threshold
from platform_assets.orchestration.definitions import definitions_for
from platform_assets_tests.cli.calls import call
from platform_assets_tests.docs.written_commands import (
    DOCUMENTS,
    README,
    REPOSITORY,
    section,
    written_in,
)
from platform_assets_tests.servers.kinesis import ACCESS_KEY, REGION, SECRET_KEY

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets_tests.servers.kafka_found import Kafka
    from platform_assets_tests.servers.kinesis import KinesisServer

_YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_DIGEST = re.compile(r"^events (sha256:[0-9a-f]{64})$", re.MULTILINE)
SWITCHED = section(README.read_text(encoding="utf-8"), "from Kafka or Kinesis")
#: Each part of a feed that a document shows by itself, with the document's name.
PARTS = [
    (document.name, declared)
    for document in DOCUMENTS
    for block in _YAML.findall(document.read_text(encoding="utf-8"))
    if isinstance(declared := yaml.safe_load(block), dict) and "attributes" not in declared
]
SHOWN = [(name, part["source"]) for name, part in PARTS if list(part) == ["source"]]
#: What a document shows of lanes: parts of plans, and what a launchpad takes.
OF_LANES = [part for _, part in PARTS if set(part) <= {"thresholds", "ops"}]
REST = [(name, part) for name, part in PARTS if part not in OF_LANES and list(part) != ["source"]]


def test_the_documents_show_sources_of_both_kinds() -> None:
    assert {source["kind"] for name, source in SHOWN if name == "README.md"} == {
        "kafka",
        "kinesis",
    }


@pytest.mark.parametrize(("name", "source"), SHOWN, ids=str)
def test_a_source_that_a_document_shows_is_a_valid_one(name: str, source: dict[str, Any]) -> None:
    del name
    found = TypeAdapter(SourceDeclaration).validate_python(source)
    assert isinstance(found, KafkaSource | KinesisSource)


@pytest.mark.parametrize(("name", "part"), REST, ids=str)
def test_a_part_of_a_feed_that_a_document_shows_is_a_valid_one(
    name: str, part: dict[str, Any]
) -> None:
    del name
    whole = yaml.safe_load(
        files("platform_assets.examples.payments").joinpath("defs.yaml").read_text()
    )["attributes"]
    joined = {
        kind: whole[kind] | {n: whole[kind].get(n, {}) | p for n, p in part.get(kind, {}).items()}
        for kind in ("streams", "products")
    }
    assert FeedDeclaration.model_validate({**whole, **part, **joined})


def test_what_a_document_shows_of_a_plan_is_valid() -> None:
    shown = [limit for part in OF_LANES for limit in part.get("thresholds", {}).values()]
    assert len(shown) > 1
    for limit in shown:
        Threshold.model_validate(limit)


def test_what_a_document_shows_of_a_launchpad_is_valid() -> None:
    shown = [part for part in OF_LANES if "ops" in part]
    assert shown
    job = definitions_for(REPOSITORY / "no home").resolve_job_def("lane_burst")
    for config in shown:
        assert dg.validate_run_config(job, config)


def readme_followed(folder: Path, source: dict[str, Any] | None) -> str:
    """Do what the README says, with a source in the YAML, and return the digest that it names."""
    said = written_in(README, SWITCHED)
    init, produce, run, read = (
        next(c.words for c in said if c.words[0] == name and len(c.words) > 1)
        for name in ("init", "produce", "run", "read")
    )
    home = folder / init[1]
    assert f"$ platform-assets {shlex.join(init)}\n" in SWITCHED
    assert call("init", home).code == 0
    if source is not None:
        declaration = home / "defs" / "payments" / "defs.yaml"
        text = yaml.safe_load(declaration.read_text())
        text["attributes"]["source"] = source
        mine = uuid.uuid4().hex[:12]  # the servers are shared by all tests
        for stream, declared in text["attributes"]["streams"].items():
            declared["topic"] = f"{stream}-{mine}"
        declaration.write_text(yaml.safe_dump(text, sort_keys=False))
        sent = call(*(word.replace(init[1], str(home), 1) for word in produce))
        assert sent.code == 0, sent.err
    done = call(*(word.replace(init[1], str(home), 1) for word in run))
    assert done.code == 0, done.err
    shown = call(*read, "--home", home)
    found = _DIGEST.search(shown.out)
    assert found, shown.out + shown.err
    return found[1]


@pytest.fixture(scope="module")
def of_files(tmp_path_factory: pytest.TempPathFactory) -> str:
    return readme_followed(tmp_path_factory.mktemp("files"), None)


def source_shown(kind: str) -> dict[str, Any]:
    return next(source for name, source in SHOWN if name == "README.md" and source["kind"] == kind)


def test_a06_the_payments_move_to_kafka_as_the_readme_says(
    tmp_path: Path, kafka: Kafka, of_files: str
) -> None:
    source = source_shown("kafka") | {"bootstrap": kafka.bootstrap}
    assert readme_followed(tmp_path, source) == of_files


def test_a06_the_payments_move_to_kinesis_as_the_readme_says(
    tmp_path: Path, kinesalite: KinesisServer, of_files: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    source = source_shown("kinesis") | {"region": REGION, "endpoint": kinesalite.endpoint}
    assert readme_followed(tmp_path, source) == of_files
