"""A switch in the YAML alone moves the payments to Kafka or Kinesis, and the products stay the same."""

from __future__ import annotations

import json
import shutil
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.examples.home import create_home
from platform_assets.examples.payments.generator import write_log
from platform_assets.examples.payments.plant import Plant
from platform_assets.examples.payments.recipe import Recipe
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, events_digest, open_product
from platform_assets_tests.cli.calls import call
from platform_assets_tests.servers.kinesis import ACCESS_KEY, REGION, SECRET_KEY

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets_tests.servers.kafka_found import Kafka
    from platform_assets_tests.servers.kinesis import KinesisServer

RECORDS = 20_000
SWITCH = "  source:\n    kind: file_log\n    path: data/payments\n"
STREAMS = ("authorisations", "reversals")
PRODUCTS = ("authorisations", "chargebacks", "refunds", "account_activity", "decisions")
TALLIES = ("delivered", "admitted", "duplicate", "quarantined")


@dataclass(frozen=True)
class Processed:
    """A home whose payments were processed, with the names of the partitions that stand for 0, 1, …"""

    home: Path
    runs: list[RunId]

    def receipts(self, stream: str) -> list[dict[str, Any]]:
        """Return the admission receipts of a stream, run by run."""
        folder = self.home / "store" / "runs"
        return [
            json.loads((folder / str(run) / "admission" / f"{stream}.json").read_bytes())
            for run in self.runs
        ]

    def tallies(self, stream: str) -> list[list[int]]:
        """Return what became of each partition's records, over all runs, in the partitions' order."""
        found: dict[str, Counter[str]] = {}
        for receipt in self.receipts(stream):
            for partition in receipt["partitions"]:
                counts = {name: partition[name] for name in TALLIES}
                found.setdefault(partition["partition"], Counter()).update(counts)
        return [[found[name][tally] for tally in TALLIES] for name in sorted(found)]

    def digest(self, product: str) -> str:
        """Return the digest of a product's events, over all runs."""
        platform = Platform.open(self.home)
        return events_digest(open_product(platform, run, product) for run in self.runs).value


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with generated payments, of which nothing was read."""
    home = tmp_path_factory.mktemp("generated") / "home"
    create_home(home, examples=())
    write_log(home / "data" / "payments", Recipe(records=RECORDS))
    create_home(home, examples=("payments",))
    return home


@pytest.fixture(scope="module")
def from_files(generated: Path) -> Processed:
    return processed(generated)


@pytest.fixture
def from_kafka(from_files: Processed, kafka: Kafka, tmp_path: Path) -> Processed:
    source = {"kind": "kafka", "bootstrap": kafka.bootstrap}
    return moved(from_files.home, tmp_path / "home", source)


@pytest.fixture
def from_kinesis(
    from_files: Processed,
    kinesalite: KinesisServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Processed:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    source = {"kind": "kinesis", "region": REGION, "endpoint": kinesalite.endpoint}
    return moved(from_files.home, tmp_path / "home", source)


def moved(files: Path, home: Path, source: dict[str, Any], *, window: int = 1_000_000) -> Processed:
    """Copy the home, move its feed to another source, send the log there and process it.

    The topics get names that nobody else uses on a server which the whole session shares.
    """
    ignored = shutil.ignore_patterns("store", "scratch", "keys", "catalogue.duckdb")
    shutil.copytree(files, home, ignore=ignored)
    declaration = home / "defs" / "payments" / "defs.yaml"
    text = declaration.read_text()
    assert SWITCH in text
    text = text.replace(SWITCH, f"  source: {json.dumps(source)}\n")
    assert "max_records: 1000000\n" in text
    text = text.replace("max_records: 1000000\n", f"max_records: {window}\n")
    mine = uuid.uuid4().hex[:12]
    for stream in STREAMS:
        named = f"    {stream}:\n      topic: {stream}-{mine}\n      events:"
        assert f"    {stream}:\n      events:" in text
        text = text.replace(f"    {stream}:\n      events:", named, 1)
    declaration.write_text(text)
    log = ("--log", home / "data" / "payments", "--key", "event_id", "--create")
    sent = call("produce", "payments", *log, "--home", home, "--json")
    assert sent.code == 0, sent.err
    return processed(home)


def processed(home: Path) -> Processed:
    done = call("run", "payments", "--until-caught-up", "--home", home, "--json")
    assert done.code == 0, done.err
    return Processed(home, [RunId.parse(run["run_id"]) for run in done.document["runs"]])


def check_against_the_plant(found: Processed) -> None:
    plant = Plant.read(found.home / "data" / "payments")
    for name, stream in plant.streams.items():
        planted = [
            [getattr(tally, outcome) for outcome in TALLIES]
            for _, tally in sorted(stream.partitions.items())
        ]
        assert found.tallies(name) == planted
        reasons: Counter[str] = Counter()
        for receipt in found.receipts(name):
            reasons.update(receipt["reasons"])
        assert reasons == stream.total.reasons
    assert sum(sum(counts[:1]) for name in STREAMS for counts in found.tallies(name)) == RECORDS


def check_same_products(one: Processed, other: Processed) -> None:
    assert len(one.runs) == len(other.runs) == 1, "decisions look at a window as a whole"
    for product in PRODUCTS:
        assert other.digest(product) == one.digest(product), product


def test_a06_the_payments_in_files_are_what_was_planted(from_files: Processed) -> None:
    check_against_the_plant(from_files)


def test_a06_the_payments_through_kafka_are_what_was_planted_and_the_same_products(
    from_files: Processed, from_kafka: Processed
) -> None:
    check_against_the_plant(from_kafka)
    check_same_products(from_files, from_kafka)
    # partitions have the same names and offsets here, and every record stands where it stood
    product, run = "authorisations", from_files.runs[0]
    contents = [
        open_product(Platform.open(found.home), run, product).manifest["content_digest"]
        for found in (from_files, from_kafka)
    ]
    assert contents[0] == contents[1] != from_files.digest(product)


def test_a06_the_payments_through_kinesis_are_what_was_planted_and_the_same_products(
    from_files: Processed, from_kinesis: Processed
) -> None:
    check_against_the_plant(from_kinesis)
    check_same_products(from_files, from_kinesis)


def test_a06_other_windows_of_another_source_add_up_to_the_same_events(
    from_files: Processed, kafka: Kafka, tmp_path: Path
) -> None:
    source = {"kind": "kafka", "bootstrap": kafka.bootstrap}
    found = moved(from_files.home, tmp_path / "home", source, window=8_000)
    assert len(found.runs) == 3
    check_against_the_plant(found)
    for product in ("authorisations", "chargebacks", "refunds"):
        assert found.digest(product) == from_files.digest(product)
