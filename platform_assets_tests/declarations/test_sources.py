"""Sources as they are declared: what is kept of them, and what a record of a run says of it."""

from __future__ import annotations

import copy
import json
import textwrap
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.canonical import canonical_bytes, digest
from platform_assets.declarations import FeedDeclaration, KafkaSource, KinesisSource
from platform_assets.declarations.loading import load_feed

if TYPE_CHECKING:
    from pathlib import Path

#: A feed as a release before Kafka and Kinesis pinned it, and the digest which it gave it.
BEFORE = {
    "feed": "zoo",
    "description": "",
    "source": {"kind": "file_log", "path": "data/zoo"},
    "streams": {
        "births": {
            "start": {"0": 5},
            "events": {"born": {"contract": "zoo/born.json", "id": "id", "when": {}}},
        },
        "visits": {
            "topic": "gate",
            "start": "earliest",
            "events": {
                "visited": {"contract": "zoo/visited.json", "id": "id", "time": "at", "when": {}}
            },
        },
    },
    "window": {"max_records": 1000000, "max_bytes": 1048576, "max_age_seconds": 60},
    "dedupe": {"horizon_runs": 30},
    "products": {
        "births": {"event": "born", "sort": ["id"], "part_rows": 1000000},
        "visits": {"event": "visited", "sort": ["id"], "part_rows": 1000000},
    },
    "consumers": {
        "busy": {
            "function": "zoo:busy",
            "reads": [{"product": "visits", "history_runs": 0}],
            "contract": "zoo/busy.json",
            "key": ["day"],
            "sort": ["day"],
            "part_rows": 1000000,
            "parameters": {"many": 1000},
        }
    },
}
DIGEST_BEFORE = "sha256:41b20aacbac5e0a83771ac90c64774dde56c78973b6b0bb50410933f495078cf"

KAFKA = """
    kind: kafka
    bootstrap: ["broker-1.example.com:9092", "[2001:db8::1]:9093", 127.0.0.1:9094]
    sasl:
      mechanism: SCRAM-SHA-512
      username: {env: ZOO_KAFKA_USER}
      password: {file: keys/kafka-password}
    tls: {ca_file: keys/ca.pem, certificate_file: keys/me.pem, key_file: keys/me.key,
          key_password: {env: ZOO_KEY_PASSWORD}}
    fetch_memory: 32MiB
"""
KINESIS = """
    kind: kinesis
    region: us-gov-west-1
    endpoint: http://127.0.0.1:4567
"""


def declared(**changed: Any) -> dict[str, Any]:
    """Return the feed with its checks, as a user declares it; some of it changed."""
    feed = copy.deepcopy(BEFORE) | changed
    for output in (*feed["products"].values(), *feed["consumers"].values()):
        output["checks"] = [{"check": "schema"}]
    return feed


def loaded(folder: Path, source: str, start: str = "earliest") -> FeedDeclaration:
    """Return a feed that is read from YAML, with a source and a start of its stream."""
    text = f"""
        type: platform_assets.orchestration.FeedComponent
        attributes:
          feed: zoo
          source: {{{", ".join(f"{k}: {json.dumps(v)}" for k, v in OTHER.items())}}}
          streams:
            births:
              source: {{SOURCE}}
              start: {start}
              events: {{born: {{contract: zoo/born.json, id: id}}}}
          products:
            births: {{event: born, sort: [id], checks: [{{check: schema}}]}}
    """
    written = textwrap.dedent(text).replace("{SOURCE}", textwrap.indent(source, "    ").rstrip())
    (folder / "defs.yaml").write_text(written)
    feed = load_feed(folder / "defs.yaml")
    assert feed is not None
    return feed


OTHER = {"kind": "file_log", "path": "data/zoo"}


def test_what_an_earlier_release_pinned_is_read_and_has_the_digest_that_it_had() -> None:
    assert digest(BEFORE) == DIGEST_BEFORE
    feed = FeedDeclaration.model_validate(declared())
    assert feed.configuration() == BEFORE
    assert digest(feed.configuration()) == DIGEST_BEFORE


@pytest.mark.parametrize(
    "changed",
    [
        {"window": {**BEFORE["window"], "max_open_runs": 17}},
        {"window": {**BEFORE["window"], "look_every_seconds": 17}},
        {"announce": {"source": {"kind": "kinesis", "region": "eu-central-1"}, "topic": "t"}},
    ],
    ids=["open runs", "pace", "announcement"],
)
def test_what_changes_no_run_leaves_the_digest_as_it_was(changed: dict[str, Any]) -> None:
    feed = FeedDeclaration.model_validate(declared(**changed))
    assert feed != FeedDeclaration.model_validate(declared())
    assert digest(feed.configuration()) == DIGEST_BEFORE


@pytest.mark.parametrize(
    "changed",
    [
        {"source": {"kind": "kafka", "bootstrap": ["broker:9092"]}},
        {"window": {**BEFORE["window"], "max_records": 7}},
        {"dedupe": {"horizon_runs": 3}},
    ],
    ids=["source", "window", "horizon"],
)
def test_what_decides_about_a_run_changes_the_digest(changed: dict[str, Any]) -> None:
    feed = FeedDeclaration.model_validate(declared(**changed))
    assert digest(feed.configuration()) != DIGEST_BEFORE


@pytest.mark.parametrize(
    ("source", "start"),
    [
        (KAFKA, "2026-01-31T06:00:00+02:00"),
        (KAFKA, "{'0': 5, '1': 9007199254740993}"),
        (
            KINESIS,
            "{shardId-000000000000: 49590338271490256608559692538361571095921575989136588898}",
        ),
        (KINESIS, "2026-01-31T06:00:00.5Z"),
    ],
)
def test_a_configuration_holds_record_values_only_and_reads_back_as_it_was(
    tmp_path: Path, source: str, start: str
) -> None:
    feed = loaded(tmp_path, source, start)
    record = json.loads(canonical_bytes(feed.configuration()))
    for output in record["products"].values():
        output["checks"] = [{"check": "schema"}]
    again = FeedDeclaration.model_validate(record)
    assert again == feed
    assert digest(again.configuration()) == digest(feed.configuration())


def test_a_kafka_source_is_kept_as_it_was_declared(tmp_path: Path) -> None:
    source = loaded(tmp_path, KAFKA).source_of("births")
    assert isinstance(source, KafkaSource)
    assert source.fetch_memory == 32 * 1024**2
    assert source.timeout_seconds == 60
    assert [reference.env or reference.file for reference in source.secrets()] == [
        "keys/kafka-password",
        "ZOO_KEY_PASSWORD",
    ]


def test_a_kinesis_source_is_kept_as_it_was_declared(tmp_path: Path) -> None:
    source = loaded(tmp_path, KINESIS).source_of("births")
    assert isinstance(source, KinesisSource)
    assert (source.region, source.endpoint) == ("us-gov-west-1", "http://127.0.0.1:4567")


@pytest.mark.parametrize(
    "written",
    [
        "2026-01-31T06:00:00Z",
        "'2026-01-31T06:00:00Z'",
        '"2026-01-31 07:00:00+01:00"',
        "2026-01-31T06:00:00.000Z",
        "2026-01-31t06:00Z",
    ],
)
def test_a_start_moment_means_the_same_with_and_without_quotes(
    tmp_path: Path, written: str
) -> None:
    start = loaded(tmp_path, KAFKA, written).streams["births"].start
    assert start == datetime(2026, 1, 31, 6, tzinfo=UTC)


def test_a_start_moment_is_recorded_in_utc_with_microseconds(tmp_path: Path) -> None:
    feed = loaded(tmp_path, KAFKA, "2026-01-31T08:00:00.25+02:00")
    start = feed.configuration()["streams"]["births"]["start"]
    assert start == "2026-01-31T06:00:00.250000Z"
    moment = datetime(2026, 1, 31, 8, tzinfo=timezone(timedelta(hours=2)))
    assert moment == loaded(tmp_path, KAFKA, "2026-01-31T06:00:00Z").streams["births"].start


def test_a_sequence_number_keeps_its_digits_with_and_without_quotes(tmp_path: Path) -> None:
    digits = "49590338271490256608559692538361571095921575989136588898"
    for written in (digits, f"'{digits}'"):
        feed = loaded(tmp_path, KINESIS, f"{{shardId-000000000003: {written}}}")
        assert feed.streams["births"].start == {"shardId-000000000003": digits}


def test_one_log_may_be_announced_from_and_to_under_another_topic() -> None:
    announce = {"source": OTHER, "topic": "ready"}
    assert FeedDeclaration.model_validate(declared(announce=announce)).announce is not None
