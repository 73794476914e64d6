"""Sending to the streams of a feed: the ledger says what became of each record."""

from __future__ import annotations

import os
import signal
import threading
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.adapters import file_log_end
from platform_assets.adapters.file_log import FileLog
from platform_assets.adapters.file_log_sink import FileLogSink
from platform_assets.adapters.record_files import Chunk, Supply, file_supply, key_at, log_supply
from platform_assets.errors import (
    ConfigurationError,
    RecordsRefused,
    SourceChanged,
    SourceUnreachable,
    UnknownOutcome,
    UnknownThing,
)
from platform_assets.examples.payments.generator import write_log
from platform_assets.examples.payments.recipe import Recipe
from platform_assets.pipeline import Platform, produce
from platform_assets.pipeline.pacing import AtRate
from platform_assets.pipeline.produce import _schedules, create_streams
from platform_assets.pipeline.sent_values import SentValues, digest_of_values
from platform_assets.ports.clock import SystemClock
from platform_assets.ports.sinks import Outgoing, SendReport, Trouble
from platform_assets.ports.streams import Gap, Span
from platform_assets_tests.shop import make_shop, redeclare

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from platform_assets.pipeline.ledger import Ledger

STREAMS = ("authorisations", "reversals")
#: How many records of a schedule are sent to each stream.
SENT = {"orders": 600, "changes": 300}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a shop whose streams are empty logs of two partitions."""
    home = make_shop(tmp_path / "home", orders=2)
    redeclare(home, lambda attributes: attributes["source"].update(path="live"))
    for topic in ("orders", "changes"):
        FileLogSink(home / "live", topic).create(2)
    return home


def standing(root: Path, topic: str) -> dict[str, list[bytes]]:
    log = FileLog(root, topic)
    found: dict[str, list[bytes]] = {}
    for extent in log.extents():
        values = found.setdefault(extent.partition, [])
        for item in log.read(Span.of(extent.partition, extent.start, extent.end)):
            assert not isinstance(item, Gap)
            values += item.column("value").to_pylist()
    return found


def sent_file(home: Path, data: bytes, name: str = "events.ndjson", **given: Any) -> Ledger:
    (home / name).write_bytes(data)
    return produce(Platform.open(home), "shop", {"orders": file_supply(home / name, **given)})


def test_a_file_is_sent_line_by_line_as_it_is(home: Path) -> None:
    lines = [b'{"a": 1}', b"", b"\xff not json", b" spaces ", b'{"order_id":"o-1"}']
    ledger = sent_file(home, b"\n".join(lines), partition="1")
    assert standing(home / "live", "orders") == {"0": [], "1": lines}
    [stream] = ledger.as_json()["streams"].values()
    assert stream["acknowledged"] == {"total": 5, "partitions": {"1": 5}}
    assert stream["complete"]
    assert stream["digest"] == digest_of_values(lines)
    assert ledger.failure() is None


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_lines_end_as_they_do_in_a_file_log(home: Path, ending: bytes) -> None:
    sent_file(home, b"one" + ending + b"two" + ending, partition="0")
    assert standing(home / "live", "orders")["0"] == [b"one", b"two"]


def test_a_compressed_file_of_several_frames_is_sent(home: Path) -> None:
    frames = [zstandard.compress(b"%d\n" % n * 1000) for n in range(3)]
    sent_file(home, b"".join(frames), "events.ndjson.zst", partition="0")
    expected = [b"%d" % n for n in range(3) for _ in range(1000)]
    assert standing(home / "live", "orders")["0"] == expected


def test_a_file_that_is_torn_is_told_with_what_was_sent_of_it(home: Path) -> None:
    noise = b"".join(b"%d %d\n" % (n, n * 2654435761 % 2**32) for n in range(200_000))
    whole = zstandard.compress(noise)
    ledger = sent_file(home, whole[:-1000], "events.ndjson.zst", partition="0")
    failure = ledger.failure()
    assert isinstance(failure, SourceUnreachable)
    assert "Truncated" in failure.found
    [stream] = ledger.as_json()["streams"].values()
    sent = standing(home / "live", "orders")["0"]
    assert not stream["complete"]
    assert 0 < stream["sent"] == stream["acknowledged"]["total"] == len(sent) < 200_000
    assert stream["digest"] == digest_of_values(sent)


def test_a_file_that_is_not_there_is_a_mistake_of_the_call(home: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        file_supply(home / "nowhere.ndjson")


def test_the_key_is_what_a_record_says_at_the_path(home: Path) -> None:
    lines = [b'{"who": {"id": "c%d"}, "n": %d}' % (n % 5, n) for n in range(500)]
    sent_file(home, b"\n".join(lines), key="who.id")
    found = standing(home / "live", "orders")
    assert all(found.values())
    for customer in range(5):
        mine = [line for line in lines if b'"c%d"' % customer in line]
        assert sum(mine == [v for v in values if v in mine] for values in found.values()) == 1


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (b'{"a": {"b": "text"}}', b"text"),
        (b'{"a": {"b": 7}}', b"7"),
        (b'{"a": {"b": true}}', b"true"),
        (b'{"a": {"b": null}}', None),
        (b'{"a": 7}', None),
        (b'{"a": [1]}', None),
        (b"{", None),
        (b"", None),
        (b"7", None),
    ],
)
def test_a_record_that_says_nothing_at_the_path_has_no_key(value: bytes, key: bytes | None) -> None:
    assert key_at("a.b")(value) == key
    assert key_at(None)(value) is None


def test_a_log_goes_to_the_same_partitions_and_its_ledger_is_what_was_planted(
    home: Path, tmp_path: Path
) -> None:
    plant = write_log(tmp_path / "log", Recipe(records=3_000, partitions=2))
    streams = dict(zip(STREAMS, ("orders", "changes"), strict=True))
    supplies = {streams[name]: log_supply(tmp_path / "log", name) for name in STREAMS}
    told: list[tuple[str, int]] = []
    ledger = produce(
        Platform.open(home), "shop", supplies, told=lambda *progress: told.append(progress)
    )
    for planted, stream in streams.items():
        found = standing(home / "live", stream)
        assert found == standing(tmp_path / "log", planted)
        sent = ledger.as_json()["streams"][stream]
        tallies = plant.streams[planted].partitions
        assert sent["acknowledged"]["partitions"] == {p: t.delivered for p, t in tallies.items()}
        assert sent["digest"] == digest_of_values(v for values in found.values() for v in values)
        assert sum(count for name, count in told if name == stream) == sent["sent"]
    assert ledger.as_json()["totals"]["acknowledged"] == 3_000


def test_a_stream_with_too_few_partitions_is_refused_before_anything_is_sent(
    home: Path, tmp_path: Path
) -> None:
    write_log(tmp_path / "log", Recipe(records=3_000, partitions=4))
    supply = log_supply(tmp_path / "log", "authorisations")
    ledger = produce(Platform.open(home), "shop", {"orders": supply})
    failure = ledger.failure()
    assert isinstance(failure, SourceChanged)
    assert "2, 3" in failure.found
    assert ledger.as_json()["totals"]["sent"] == 0
    assert standing(home / "live", "orders") == {"0": [], "1": []}


def test_what_a_stream_does_not_take_is_refused_with_its_place(home: Path, tmp_path: Path) -> None:
    lines = [b"good"] * 20_000
    for number in (5, 15_000):
        lines[number] = b"ends with a carriage return\r"
    ledger = sent_file(home, b"\r\n".join(lines) + b"\r\n", partition="0")
    failure = ledger.failure()
    assert isinstance(failure, RecordsRefused)
    assert "2 for orders (events.ndjson line 6 to events.ndjson line 15001)" in failure.found
    [stream] = ledger.as_json()["streams"].values()
    assert [r["place"] for r in stream["refused"]["records"]] == [
        "events.ndjson line 6",
        "events.ndjson line 15001",
    ]
    assert stream["acknowledged"]["total"] == 19_998
    assert stream["digest"] == digest_of_values([b"good"] * 19_998)


def test_what_was_not_acknowledged_is_ambiguous_before_all_else(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(file: int) -> None:
        raise OSError(5, "Input/output error")

    FileLogSink(home / "live", "orders").send([Outgoing(b"before", partition="0")])
    with monkeypatch.context() as patched:
        patched.setattr(file_log_end.os, "fsync", broken)
        ledger = sent_file(home, b"refused\r\r\n" + b"doubted\n" * 9, partition="0")
    failure = ledger.failure()
    assert isinstance(failure, UnknownOutcome)
    assert "9 for orders (events.ndjson line 2 to events.ndjson line 10)" in failure.found
    totals = ledger.as_json()["totals"]
    assert totals == {"sent": 10, "acknowledged": 0, "ambiguous": 9, "refused": 1}
    assert ledger.streams["orders"].digest == digest_of_values([])


def test_one_stream_that_fails_does_not_hide_the_other(home: Path) -> None:
    (home / "live" / "changes").rename(home / "gone")
    (home / "e.ndjson").write_bytes(b"x\n" * 10)
    supplies = {name: file_supply(home / "e.ndjson") for name in ("orders", "changes")}
    ledger = produce(Platform.open(home), "shop", supplies)
    assert isinstance(ledger.failure(), SourceUnreachable)
    streams = ledger.as_json()["streams"]
    assert streams["orders"]["acknowledged"]["total"] == 10
    assert streams["changes"]["error"]["error"] == "SourceUnreachable"
    assert streams["changes"]["sent"] == 0


def test_a_stream_that_is_not_declared_is_refused(home: Path) -> None:
    (home / "e.ndjson").write_bytes(b"x\n")
    with pytest.raises(UnknownThing, match="orders, changes"):
        produce(Platform.open(home), "shop", {"order": file_supply(home / "e.ndjson")})
    with pytest.raises(UnknownThing, match="orders, changes"):
        create_streams(Platform.open(home), "shop", {"order": 2})


def test_a_rate_is_shared_out_by_how_much_there_is() -> None:
    supplies = {"orders": Supply(iter(()), 900), "changes": Supply(iter(()), 100)}
    shared = _schedules(SystemClock(), supplies, 50, None)
    assert {name: at.rate for name, at in shared.items() if isinstance(at, AtRate)} == {
        "orders": 45,
        "changes": 5,
    }
    assert _schedules(SystemClock(), supplies, None, None) == {}


class Watcher:
    """Notes what it is told, and what stood in the logs when a record was acknowledged."""

    def __init__(self, live: Path) -> None:
        self._live = live
        self.told: dict[str, list[tuple[str, int]]] = {"orders": [], "changes": []}
        self.missing: list[tuple[str, int]] = []

    def sent(self, stream: str, number: int) -> None:
        self.told[stream].append(("sent", number))

    def acknowledged(self, stream: str, number: int) -> None:
        self.told[stream].append(("acknowledged", number))
        there = (self._live / stream / "1" / f"{0:020d}.ndjson").read_bytes().split(b"\n")
        if b"%d" % number not in there:
            self.missing.append((stream, number))

    def numbers(self, stream: str, what: str) -> list[int]:
        return [number for told, number in self.told[stream] if told == what]


def test_an_observer_is_told_when_each_record_leaves_and_when_it_is_acknowledged(
    home: Path,
) -> None:
    lines = {name: [b"%d" % n for n in range(count)] for name, count in SENT.items()}
    lines["orders"][7] = b"7\r"
    supplies = {}
    for name, values in lines.items():
        (home / name).write_bytes(b"\r\n".join(values) + b"\r\n")
        supplies[name] = file_supply(home / name, partition="1")
    watcher = Watcher(home / "live")
    ledger = produce(
        Platform.open(home),
        "shop",
        supplies,
        schedules={name: AtRate(SystemClock(), 600) for name in SENT},
        observer=watcher,
    )
    assert ledger.as_json()["totals"]["refused"] == 1
    for name, count in SENT.items():
        numbers = [n for n in range(count) if lines[name][n] == b"%d" % n]
        assert watcher.numbers(name, "sent") == list(range(count))
        assert watcher.numbers(name, "acknowledged") == numbers
        first = watcher.told[name].index(("acknowledged", 0))
        assert 0 < first < count, "told while records were still to be sent"
        for number in numbers:
            place = watcher.told[name].index
            assert place(("sent", number)) < place(("acknowledged", number))
    assert watcher.missing == []


@pytest.mark.parametrize(("stream", "rate"), [("orders", 5), ("changes", None)])
def test_records_go_by_a_schedule_of_their_stream_or_at_a_rate(
    home: Path, stream: str, rate: float | None
) -> None:
    (home / "e.ndjson").write_bytes(b"x\n")
    supply = {"orders": file_supply(home / "e.ndjson")}
    schedules = {stream: AtRate(SystemClock(), 5)}
    with pytest.raises(RuntimeError, match=f"schedules for {stream} and a rate of {rate}"):
        produce(Platform.open(home), "shop", supply, rate=rate, schedules=schedules)
    assert standing(home / "live", "orders") == {"0": [], "1": []}


def test_the_log_is_open_to_other_producers_but_for_the_partitions_that_are_named(
    home: Path,
) -> None:
    sink = FileLogSink(home / "live", "orders")
    done: list[int] = []

    def chunks() -> Iterator[Chunk]:
        yield Chunk("first", 0, [Outgoing(b"mine", partition="1")])
        done.append(sink.send([Outgoing(b"beside", partition="0")], partitions=("0",)).total)
        with pytest.raises(SourceUnreachable):
            sink.send([Outgoing(b"intruder", partition="1")], partitions=("1",))
        yield Chunk("last", 1, [Outgoing(b"mine too", partition="1")])

    ledger = produce(Platform.open(home), "shop", {"orders": Supply(chunks(), partitions=("1",))})
    assert ledger.failure() is None
    assert done == [1]
    assert standing(home / "live", "orders") == {"0": [b"beside"], "1": [b"mine", b"mine too"]}


@pytest.mark.usefixtures("nothing_collected")
@pytest.mark.parametrize("signalled", [signal.SIGINT, signal.SIGTERM])
def test_a_schedule_is_interrupted_by_what_the_main_thread_is_told(
    home: Path, signalled: signal.Signals
) -> None:
    """A signal comes while the first record has left and the second one is due in a minute."""
    (home / "e.ndjson").write_bytes(b"1\n2\n")
    supply = file_supply(home / "e.ndjson", partition="0")
    watcher = Interrupting(signalled)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        ledger = produce(
            Platform.open(home),
            "shop",
            {"orders": supply},
            schedules={"orders": AtRate(SystemClock(), 1 / 60)},
            observer=watcher,
        )
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ledger.interrupted
    assert ledger.streams["orders"].report.total == 1
    assert standing(home / "live", "orders")["0"] == [b"1"]


class Interrupting:
    """Sends the process a signal as soon as a record is acknowledged."""

    def __init__(self, signalled: signal.Signals) -> None:
        self._signalled = signalled

    def sent(self, stream: str, number: int) -> None: ...

    def acknowledged(self, stream: str, number: int) -> None:
        assert (stream, number) == ("orders", 0)
        os.kill(os.getpid(), self._signalled)


@pytest.mark.usefixtures("nothing_collected")
def test_an_interruption_ends_the_supply_and_accounts_for_what_was_taken(home: Path) -> None:
    """The process gets the keyboard's signal while it sends slowly."""
    lines = [b"%d" % n for n in range(100_000)]
    (home / "e.ndjson").write_bytes(b"\n".join(lines))
    supply = file_supply(home / "e.ndjson", partition="0")
    interruption = threading.Timer(1.0, signal.raise_signal, (signal.SIGINT,))
    interruption.start()
    try:
        ledger = produce(Platform.open(home), "shop", {"orders": supply}, rate=500)
    finally:
        interruption.join()
    failure = ledger.failure()
    assert isinstance(failure, UnknownOutcome)
    assert "interruption" in failure.found
    sent = ledger.streams["orders"].taken
    assert 0 < sent < 100_000
    assert standing(home / "live", "orders")["0"] == lines[:sent]
    assert ledger.as_json()["interrupted"]


class Forgetful:
    """A sink that does not account for everything that it takes."""

    kind = "forgetful"

    def close(self) -> None: ...

    def create(self, partitions: int) -> None: ...

    def partitions(self) -> list[str]:
        return ["0"]

    def send(self, records: Iterable[Outgoing | None], **_: object) -> SendReport:
        taken = list(records)
        return SendReport(acknowledged={"0": len(taken) - 2}, refused=(Trouble(0, "so"),))


def test_a_sink_that_forgets_a_record_is_found_out(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Platform, "sink", lambda *_: Forgetful())
    (home / "e.ndjson").write_bytes(b"x\n" * 10)
    with pytest.raises(RuntimeError, match="took 10 records and accounts for 9"):
        produce(Platform.open(home), "shop", {"orders": file_supply(home / "e.ndjson")})


class Unreachable(Forgetful):
    """A sink that takes records and cannot send one of them."""

    def send(self, records: Iterable[Outgoing | None], **_: object) -> SendReport:
        assert len(list(islice(iter(records), 5))) == 5
        raise SourceUnreachable("t", expected="an answer", found="none", remedy="Wait.")


def test_what_was_taken_and_could_not_be_sent_at_all_was_not_sent(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Platform, "sink", lambda *_: Unreachable())
    (home / "e.ndjson").write_bytes(b"x\n" * 10)
    ledger = produce(Platform.open(home), "shop", {"orders": file_supply(home / "e.ndjson")})
    assert isinstance(ledger.failure(), SourceUnreachable)
    assert ledger.as_json()["totals"]["sent"] == 0
    assert ledger.streams["orders"].digest == digest_of_values([])
    assert not ledger.streams["orders"].complete


# --- the digest -----------------------------------------------------------------------------------

values = st.lists(st.none() | st.binary(max_size=8), max_size=30)


@given(values, st.randoms(use_true_random=False))
def test_the_digest_is_of_the_values_in_whatever_order(
    sent: list[bytes | None], random: Any
) -> None:
    shuffled = list(sent)
    random.shuffle(shuffled)
    assert digest_of_values(sent) == digest_of_values(shuffled)


@given(values, st.none() | st.binary(max_size=8))
def test_the_digest_counts_every_value(sent: list[bytes | None], more: bytes | None) -> None:
    assert digest_of_values(sent) != digest_of_values([*sent, more])
    assert digest_of_values([None, *sent]) != digest_of_values([b"", *sent])


def test_a_value_can_be_taken_out_of_the_digest_when_it_is_long_gone(tmp_path: Path) -> None:
    numbers = range(10_000)
    held = SentValues(tmp_path / "hashes")
    for number in numbers:
        held.add(b"%d" % number)
    without = {0, 4095, 4096, 9_999}
    assert held.digest() == digest_of_values(b"%d" % n for n in numbers)
    rest = (b"%d" % n for n in numbers if n not in without)
    assert held.digest(without) == digest_of_values(rest)
    assert held.digest(numbers) == digest_of_values([])


def test_the_form_of_the_digest_does_not_change() -> None:
    """It stands in ledgers that are kept, and others compute it."""
    assert digest_of_values([b"a", None, b"b", b"a"]) == (
        "sha256:737d485c3f0daf28a824efbd6c4958b14a388184a15aa219a85ae267f709e1cb"
    )


class Missing(Forgetful):
    """A stream that is not there."""

    def partitions(self) -> list[str]:
        raise SourceChanged("t", expected="a topic", found="none", remedy="Correct the name.")


def test_where_a_stream_is_not_there_it_is_said_what_would_make_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Platform, "sink", lambda *_: Missing())
    (home / "e.ndjson").write_bytes(b"x\n")
    failure = produce(
        Platform.open(home), "shop", {"orders": file_supply(home / "e.ndjson")}
    ).failure()
    assert isinstance(failure, SourceChanged)
    assert "--create" in failure.remedy
    assert "Correct the name." in failure.remedy
