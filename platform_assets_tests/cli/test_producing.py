"""`produce` on the command line: what it sends, what it prints, how it exits."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.adapters.file_log_sink import FileLogSink
from platform_assets.examples.payments.plant import Plant
from platform_assets.pipeline.sent_values import digest_of_values
from platform_assets.ports.sinks import Outgoing
from platform_assets_tests.cli.calls import call, too_wide
from platform_assets_tests.servers.processes import free_ports
from platform_assets_tests.shop import make_shop, redeclare

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 60
LINES = [b'{"order_id":"o-%d","customer":"c%d"}' % (n, n % 3) for n in range(10)]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a shop whose streams are empty logs."""
    home = make_shop(tmp_path / "home", orders=2)
    redeclare(home, lambda attributes: attributes["source"].update(path="live"))
    for topic in ("orders", "changes"):
        FileLogSink(home / "live", topic).create(2)
    (home / "events.ndjson").write_bytes(b"\n".join(LINES))
    return home


def test_a_file_is_sent_and_every_record_is_accounted_for(home: Path) -> None:
    arguments = ("produce", "shop", "orders", "--file", home / "events.ndjson", "--home", home)
    told = call(*arguments, "--partition", "1", "--json")
    assert (told.code, told.err) == (0, "")
    stream = told.document["streams"]["orders"]
    assert stream["acknowledged"] == {"total": 10, "partitions": {"1": 10}}
    assert stream["digest"] == digest_of_values(LINES)
    shown = call(*arguments, "--key", "customer")
    assert (shown.code, shown.err) == (0, "")
    assert stream["digest"] in shown.out
    assert too_wide(shown.out) == []


def test_what_is_refused_exits_with_1_and_is_all_in_the_ledger(home: Path, tmp_path: Path) -> None:
    (home / "events.ndjson").write_bytes(b"bad\r\r\n" * 30 + b"good\n")
    ledger = tmp_path / "ledger.json"
    arguments = ("produce", "shop", "orders", "--file", home / "events.ndjson", "--home", home)
    told = call(*arguments, "--ledger", ledger, "--json")
    assert told.code == 1
    assert told.document["error"] == "RecordsRefused"
    assert told.document["totals"] == {
        "sent": 31,
        "acknowledged": 1,
        "ambiguous": 0,
        "refused": 30,
    }
    assert len(told.document["streams"]["orders"]["refused"]["records"]) == 20
    written = json.loads(ledger.read_text())["streams"]["orders"]["refused"]
    assert written["total"] == len(written["records"]) == 30
    assert written["records"][29]["place"] == "events.ndjson line 30"
    shown = call(*arguments)
    assert (shown.code, shown.out) == (1, "")
    assert "RecordsRefused" in shown.err
    assert "30 for orders" in shown.err


def test_what_is_ambiguous_exits_with_3_and_says_how_many_and_where(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(file: int) -> None:
        raise OSError(5, "Input/output error")

    for partition in ("0", "1"):
        FileLogSink(home / "live", "orders").send([Outgoing(b"first", partition=partition)])
    monkeypatch.setattr("platform_assets.adapters.file_log_end.os.fsync", broken)
    arguments = ("produce", "shop", "orders", "--file", home / "events.ndjson", "--home", home)
    told = call(*arguments, "--json")
    assert told.code == 3
    assert told.document["error"] == "UnknownOutcome"
    assert told.document["totals"]["ambiguous"] == 10
    assert "10 for orders (events.ndjson line 1 to events.ndjson line 10)" in told.document["found"]


def test_generated_payments_are_sent_with_the_ledger_of_what_was_planted(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert call("init", home).code == 0
    declared = home / "defs" / "payments" / "defs.yaml"
    declared.write_text(declared.read_text().replace("data/payments", "data/live"))
    told = call(
        *("produce", "payments", "--generator", "payments", "--records", 3_000, "--create"),
        *("--plant", tmp_path / "plant.json", "--home", home, "--json"),
    )
    assert told.code == 0, told
    plant = Plant.read(tmp_path)
    assert told.document["totals"]["acknowledged"] == plant.records == 3_000
    for name, stream in told.document["streams"].items():
        tallies = plant.streams[name].partitions
        assert stream["acknowledged"]["partitions"] == {p: t.delivered for p, t in tallies.items()}
    run = call("run", "payments", "--home", home, "--json")
    assert run.code == 0, run
    totals = [plant.streams[name].total for name in plant.streams]
    for count in ("delivered", "admitted", "duplicate", "quarantined"):
        assert run.document["totals"][count] == sum(getattr(total, count) for total in totals)


def test_a_stream_that_is_not_there_is_not_made_unless_it_is_asked_for(home: Path) -> None:
    (home / "live" / "orders").rename(home / "gone")
    arguments = ("produce", "shop", "orders", "--file", home / "events.ndjson", "--home", home)
    told = call(*arguments, "--json")
    assert (told.code, told.document["error"]) == (3, "SourceUnreachable")
    assert not (home / "live" / "orders").exists()
    told = call(*arguments, "--create", "--partitions", 3, "--json")
    assert told.code == 0
    assert sum(told.document["streams"]["orders"]["acknowledged"]["partitions"].values()) == 10
    assert len([p for p in (home / "live" / "orders").iterdir() if p.name.isdigit()]) == 3


def test_a_cluster_that_does_not_answer_is_an_outage_where_a_topic_shall_be_made(
    home: Path,
) -> None:
    (port,) = free_ports(1)
    source = {"kind": "kafka", "bootstrap": [f"127.0.0.1:{port}"], "timeout_seconds": 2}
    redeclare(home, lambda attributes: attributes.update(source=source))
    file = ("--file", home / "events.ndjson")
    told = call("produce", "shop", "orders", *file, "--create", "--home", home, "--json")
    assert (told.code, told.document["error"]) == (3, "SourceUnreachable")
    assert f"kafka at 127.0.0.1:{port}" in told.document["thing"]
    assert "refused" in told.document["found"]


def mistakes(home: Path) -> Iterator[tuple[tuple[Any, ...], str, str]]:
    file = ("--file", home / "events.ndjson")
    yield ("shop", "orders"), "Usage", "none of them"
    yield ("shop", "orders", *file, "--log", home / "data"), "Usage", "--file and --log"
    yield ("shop", *file), "Usage", "orders, changes"
    yield ("shop", "order", *file), "UnknownThing", "orders, changes"
    yield ("shopp", "orders", *file), "UnknownThing", "shop"
    yield ("shopp", "--generator", "payments", "--records", 10), "UnknownThing", "shop"
    few = ("--create", "--partitions", 1)
    yield ("shop", "--log", home / "live", *few), "Usage", "2 at least"
    yield ("shop", "orders", "--file", home / "nowhere"), "ConfigurationError", "no such file"
    yield ("shop", "--log", home / "nowhere"), "ConfigurationError", "no such folder"
    yield ("shop", "--log", home / "defs"), "ConfigurationError", "orders, changes"
    yield ("shop", "--generator", "orders"), "Usage", "payments"
    yield ("shop", "--generator", "payments", "--records", 10), "Usage", "take more"
    yield ("shop", "orders", *file, "--ledger", home / "no" / "l"), "ConfigurationError", "missing"
    yield ("shop", "orders", *file, "--plant", home / "p"), "Usage", "--generator"
    yield ("shop", "--log", home / "data", "--partition", "0"), "Usage", "--file"
    yield ("shop", "orders", *file, "--partitions", 2), "Usage", "--create"
    for rate in ("0", "-1", "fast", "5/h", "inf", "nan", ""):
        yield ("shop", "orders", *file, "--rate", rate), "Usage", "--rate"


def test_mistakes_of_the_call_are_told_before_anything_is_sent(home: Path) -> None:
    for arguments, error, says in mistakes(home):
        told = call("produce", *arguments, "--home", home, "--json")
        assert (told.code, told.document["error"]) == (2, error), (arguments, told)
        assert says in json.dumps(told.document), (arguments, told.document)
    for topic in ("orders", "changes"):
        for partition in ("0", "1"):
            assert list((home / "live" / topic / partition).iterdir()) == []


def test_an_interrupted_sending_ends_with_its_ledger(home: Path) -> None:
    lines = [b"%06d" % n for n in range(100_000)]
    (home / "events.ndjson").write_bytes(b"\n".join(lines))
    command = Path(sys.executable).with_name("platform-assets")
    arguments = ["produce", "shop", "orders", "--file", home / "events.ndjson", "--partition", "0"]
    segment = home / "live" / "orders" / "0" / f"{0:020d}.ndjson"
    with subprocess.Popen(
        [command, *arguments, "--rate", "300/s", "--home", home, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as sending:
        deadline = time.monotonic() + SECONDS
        while not (segment.exists() and segment.stat().st_size):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        sending.send_signal(signal.SIGINT)
        out, err = sending.communicate(timeout=SECONDS)
    assert (sending.returncode, err) == (3, b"")
    told = json.loads(out)
    assert told["error"] == "UnknownOutcome"
    assert told["interrupted"]
    sent = told["streams"]["orders"]["acknowledged"]["total"]
    assert 0 < sent < len(lines)
    assert segment.read_bytes() == b"".join(line + b"\n" for line in lines[:sent])
