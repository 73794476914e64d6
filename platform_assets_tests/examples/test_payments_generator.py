"""The payments log holds exactly what its ledger says, under any cut into windows."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from platform_assets.contracts.judge import EventRule, StreamJudge
from platform_assets.contracts.reasons import ReasonCode
from platform_assets.contracts.registry import ContractRegistry
from platform_assets.examples.payments.faults import FAULTS
from platform_assets.examples.payments.generator import write_log
from platform_assets.examples.payments.plant import Plant
from platform_assets.examples.payments.recipe import Recipe
from platform_assets.flow.windows import share_records
from platform_assets_tests.examples import reference_admission as reference

if TYPE_CHECKING:
    from pathlib import Path

STREAMS = {"authorisations": ["authorisation"], "reversals": ["chargeback", "refund"]}
RECORDS = 20_000
PINNED = "b2715d8feb3fc1d96be1ff0f16cdea20ab5b85b920976bb38c99116caad162fd"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Plant]:
    log = tmp_path_factory.mktemp("payments") / "log"
    return log, write_log(log, Recipe(records=RECORDS))


@pytest.fixture(scope="module")
def judged(written: tuple[Path, Plant]) -> dict[str, dict[str, list[Any]]]:
    verdicts = {}
    for stream, kinds in STREAMS.items():
        validators = {kind: reference.validator(f"payments/{kind}.v1.json") for kind in kinds}
        verdicts[stream] = {
            partition: [reference.judge(record, validators) for record in records]
            for partition, records in reference.read_topic(written[0] / stream).items()
        }
    return verdicts


def content_digest(log: Path) -> str:
    """Digest the records, because zstd may pack them otherwise in another release."""
    digest = hashlib.sha256()
    for stream in STREAMS:
        for partition, records in reference.read_topic(log / stream).items():
            digest.update(f"{stream}/{partition}/{len(records)}\n".encode())
            digest.update(b"\n".join(records))
    return digest.hexdigest()


def shared(limit: int) -> Any:
    """Cut as the platform does."""

    def cut(waiting: dict[Any, int]) -> dict[Any, int]:
        return dict(zip(waiting, share_records(list(waiting.values()), limit), strict=True))

    return cut


def level(limit: int) -> Any:
    """Cut like vessels that are joined."""

    def cut(waiting: dict[Any, int]) -> dict[Any, int]:
        share = limit // max(1, sum(1 for count in waiting.values() if count))
        return {key: min(count, max(1, share)) for key, count in waiting.items()}

    return cut


def one_partition_at_a_time(limit: int) -> Any:
    def cut(waiting: dict[Any, int]) -> dict[Any, int]:
        key = next(iter(waiting))
        return {key: min(limit, waiting[key])}

    return cut


def test_the_same_recipe_gives_the_same_bytes(tmp_path: Path) -> None:
    recipe = Recipe(records=3_000)
    write_log(tmp_path / "one", recipe)
    write_log(tmp_path / "two", recipe)
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*")]
    assert len(files) > 10
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_another_seed_gives_other_bytes(tmp_path: Path) -> None:
    write_log(tmp_path / "one", Recipe(records=2_000))
    write_log(tmp_path / "two", Recipe(records=2_000, seed=8))
    assert content_digest(tmp_path / "one") != content_digest(tmp_path / "two")


def test_seed_7_gives_the_log_that_it_always_gave(tmp_path: Path) -> None:
    write_log(tmp_path / "log")
    assert content_digest(tmp_path / "log") == PINNED


def test_the_ledger_adds_up_to_what_the_files_hold(written: tuple[Path, Plant]) -> None:
    log, plant = written
    assert sum(stream.total.delivered for stream in plant.streams.values()) == RECORDS
    for name, stream in plant.streams.items():
        held = {
            partition: len(rows) for partition, rows in reference.read_topic(log / name).items()
        }
        assert {p: tally.delivered for p, tally in stream.partitions.items()} == held
        assert sum(stream.events.values()) == stream.total.admitted
        for tally in stream.partitions.values():
            assert tally.delivered == tally.admitted + tally.duplicate + tally.quarantined


def test_the_ledger_beside_the_log_is_the_one_returned(written: tuple[Path, Plant]) -> None:
    assert Plant.read(written[0]) == written[1]


@pytest.mark.parametrize(
    "cut",
    [
        level(RECORDS),
        level(5_000),
        level(701),
        shared(6_000),
        shared(999),
        one_partition_at_a_time(1_700),
    ],
    ids=["one", "level-5000", "level-701", "prop-6000", "prop-999", "serial-1700"],
)
def test_i04_plain_python_finds_what_the_ledger_says_under_any_cut_into_windows(
    written: tuple[Path, Plant], judged: dict[str, dict[str, list[Any]]], cut: Any
) -> None:
    counts, runs = reference.admit(judged, cut, horizon=30)
    assert runs <= 31
    for name, stream in written[1].streams.items():
        admitted: Counter[str] = Counter()
        for partition, tally in stream.partitions.items():
            found = counts[name, partition]
            assert found.outcomes["delivered"] == tally.delivered
            assert found.outcomes["admitted"] == tally.admitted
            assert found.outcomes["duplicate"] == tally.duplicate
            assert found.outcomes["quarantined"] == tally.quarantined
            assert dict(found.reasons) == tally.reasons
            admitted += found.admitted
        assert dict(admitted) == stream.events


def test_i04_repetitions_lie_across_windows_so_that_no_horizon_misses_them(
    written: tuple[Path, Plant], judged: dict[str, dict[str, list[Any]]]
) -> None:
    counts, _ = reference.admit(judged, level(2_000), horizon=0)
    found = sum(counts["authorisations", str(p)].outcomes["duplicate"] for p in range(4))
    planted = written[1].streams["authorisations"]
    assert found < planted.total.duplicate - planted.faults["copy_far"] // 2


def test_i03_broken_records_are_planted_in_identical_pairs(
    written: tuple[Path, Plant], judged: dict[str, dict[str, list[Any]]]
) -> None:
    records = Counter(
        record
        for partition, lines in reference.read_topic(written[0] / "authorisations").items()
        for record, verdict in zip(lines, judged["authorisations"][partition], strict=True)
        if isinstance(verdict, set)
    )
    paired = [kind for kind, fault in FAULTS.items() if fault.paired]
    # Of every such kind at least one record occurs twice, byte by byte.
    assert sum(count > 1 for count in records.values()) >= len(paired) > 15


def test_every_reason_that_a_file_log_can_give_is_planted(written: tuple[Path, Plant]) -> None:
    planted = {code for stream in written[1].streams.values() for code in stream.total.reasons}
    # No tombstones in a file log; a record above the size limit would dwarf the example; and the
    # contracts use no keyword without a code of its own.
    absent = {"NULL_VALUE", "RECORD_TOO_LARGE", "CONTRACT_VIOLATION"}
    assert planted == {code.value for code in ReasonCode} - absent


def test_the_platform_judges_what_is_planted_as_the_ledger_says(
    written: tuple[Path, Plant],
) -> None:
    registry = ContractRegistry.load([reference.SCHEMAS])
    for stream, kinds in STREAMS.items():
        rules = [
            EventRule(
                kind,
                registry.contract(f"payments/{kind}.v1.json"),
                ("event_id",),
                {("type",): kind},
            )
            for kind in kinds
        ]
        found: Counter[str] = Counter()
        for records in reference.read_topic(written[0] / stream).values():
            verdicts = StreamJudge(rules).judge(pl.Series(records, dtype=pl.Binary))
            for reasons in verdicts.refused["reasons"].to_list():
                found.update({reason["code"] for reason in reasons})
        planted = Counter(written[1].streams[stream].total.reasons)
        del planted["PAYLOAD_MISMATCH"]
        assert found == planted


def test_a_log_without_faults_is_admitted_whole(tmp_path: Path) -> None:
    plant = write_log(tmp_path / "log", Recipe(records=2_000, faults={}))
    for stream in plant.streams.values():
        assert stream.total.delivered == stream.total.admitted
        assert not stream.total.reasons
    for stream, kinds in STREAMS.items():
        validators = {kind: reference.validator(f"payments/{kind}.v1.json") for kind in kinds}
        for records in reference.read_topic(tmp_path / "log" / stream).values():
            assert not [r for r in records if isinstance(reference.judge(r, validators), set)]


def test_late_events_are_as_many_as_the_ledger_says(tmp_path: Path) -> None:
    plant = write_log(tmp_path / "log", Recipe(records=5_000, faults={}))
    late = 0
    for records in reference.read_topic(tmp_path / "log" / "authorisations").values():
        newest = dt.datetime.min.replace(tzinfo=dt.UTC)
        for record in records:
            moment = dt.datetime.fromisoformat(json.loads(record)["occurred_at"])
            late += newest - moment > dt.timedelta(hours=1)
            newest = max(newest, moment)
    assert late == plant.late > 40


@pytest.mark.parametrize("limit", [RECORDS, 4_000, 700])
def test_no_chargeback_is_read_in_an_earlier_run_than_its_authorisation(
    written: tuple[Path, Plant], judged: dict[str, dict[str, list[Any]]], limit: int
) -> None:
    logs = {(s, p): rows for s, partitions in judged.items() for p, rows in partitions.items()}
    position = dict.fromkeys(logs, 0)
    known: set[str] = set()
    orphans = chargebacks = 0
    while any(position[key] < len(rows) for key, rows in logs.items()):
        taken = level(limit)({key: len(rows) - position[key] for key, rows in logs.items()})
        window = {
            key: rows[position[key] : position[key] + taken[key]] for key, rows in logs.items()
        }
        position = {key: position[key] + taken[key] for key in logs}
        good = [e for rows in window.values() for e in rows if not isinstance(e, set)]
        known |= {e["event_id"] for e in good if e["type"] == "authorisation"}
        named = {e["event_id"]: e["authorisation_id"] for e in good if e["type"] == "chargeback"}
        chargebacks += len(named)
        orphans += sum(authorisation not in known for authorisation in named.values())
    assert chargebacks >= 90
    assert orphans <= written[1].orphans + 1  # a planted oddity may repeat an orphan's name


def test_a_refund_may_have_the_event_id_of_a_chargeback(
    written: tuple[Path, Plant], judged: dict[str, dict[str, list[Any]]]
) -> None:
    events = [e for rows in judged["reversals"].values() for e in rows if not isinstance(e, set)]
    ids = {
        kind: {e["event_id"] for e in events if e["type"] == kind} for kind in STREAMS["reversals"]
    }
    assert len(ids["chargeback"] & ids["refund"]) == written[1].shared_ids > 0


def test_segments_are_plain_and_compressed_and_several_to_a_partition(
    written: tuple[Path, Plant],
) -> None:
    for partition in (written[0] / "authorisations").iterdir():
        suffixes = [path.suffix for path in sorted(partition.iterdir())]
        assert suffixes == [".ndjson", ".zst", ".ndjson"]


def test_a_log_that_exists_is_left_as_it_is(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.mkdir()
    (log / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError):
        write_log(log, Recipe(records=2_000))
    assert [path.name for path in tmp_path.rglob("*")] == ["log", "mine.txt"]


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (Recipe(records=100), "take more"),
        (Recipe(faults={"refunds": {}}), "no streams"),
        (Recipe(faults={"reversals": {"amount_zero": 1}}), "no faults"),
        (Recipe(faults={"authorisations": {"tpyo": 1}}), "no faults"),
    ],
)
def test_a_recipe_that_cannot_be_met_is_refused(tmp_path: Path, recipe: Recipe, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        write_log(tmp_path / "log", recipe)
    assert not list(tmp_path.iterdir())


def test_faults_are_planted_in_the_numbers_asked_for(tmp_path: Path) -> None:
    counts = {"copy_near": 7, "truncated": 3, "mismatch_far": 2}
    plant = write_log(tmp_path / "log", Recipe(records=2_000, faults={"authorisations": counts}))
    stream = plant.streams["authorisations"]
    assert stream.faults == dict(sorted(counts.items()))
    assert stream.total.duplicate == 7
    assert stream.total.reasons == {"INVALID_JSON": 3, "PAYLOAD_MISMATCH": 2}
    lines = itertools.chain(*reference.read_topic(tmp_path / "log" / "authorisations").values())
    assert sum(not line.endswith(b"}") for line in lines) == 3
