"""What the events of a load are, byte by byte, and which workloads cannot be sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
import zstandard

import platform_assets
from platform_assets.contracts.judge import EventRule, StreamJudge
from platform_assets.contracts.registry import ContractRegistry
from platform_assets.declarations.loading import load_feed
from platform_assets.errors import ConfigurationError
from platform_assets.lanes.event_ids import IdForm, event_id, numbers_of
from platform_assets.lanes.feed import feed_folder
from platform_assets.lanes.rendering import Rendering
from platform_assets.lanes.schedule import REASONS, Kind
from platform_assets.resources import schemas_folder
from platform_assets_tests.lanes.workloads import PREFIX, workload

if TYPE_CHECKING:
    from platform_assets.declarations import FeedDeclaration
    from platform_assets.lanes.schedule import Events
    from platform_assets.ports.sinks import Outgoing

EXAMPLES = Path(platform_assets.__file__).parent / "examples"
BEGUN = datetime(2026, 11, 22, 23, 59, 59, 250_000, UTC)
BEGUN_US = int(BEGUN.timestamp()) * 1_000_000 + BEGUN.microsecond
MANY = {"duplicates": "10%", "late": "10%", "invalid": "15%"}
ORDER = json.loads((feed_folder() / "orders.ndjson").read_text().splitlines()[0])


def declared(feed: str) -> FeedDeclaration:
    folder = feed_folder() if feed == "load" else EXAMPLES / feed
    found = load_feed(folder / "defs.yaml")
    assert found is not None
    return found


@pytest.fixture(scope="module")
def contracts() -> ContractRegistry:
    return ContractRegistry.load([schemas_folder() / "events"])


def rendering(
    contracts: ContractRegistry, feed: str = "load", prefix: str = PREFIX, **changed: Any
) -> Rendering:
    load = workload(**changed)
    return Rendering(load, prefix, declared(feed).streams[load.stream].events, contracts)


def rendered(made: Rendering, count: int = 2_000) -> tuple[Events, list[Outgoing]]:
    events = made.schedule.of(np.arange(count))
    return events, made.outgoing(events, BEGUN_US)


def judged(
    contracts: ContractRegistry, feed: str, stream: str, records: list[Outgoing]
) -> tuple[dict[int, str], dict[int, set[str]]]:
    """Return the ids of the accepted records, and why others are refused, each by its row."""
    rules = [
        EventRule(
            name=name,
            contract=contracts.contract(event.contract),
            id_path=tuple(event.id.split(".")),
            when={tuple(path.split(".")): value for path, value in event.when.items()},
        )
        for name, event in declared(feed).streams[stream].events.items()
    ]
    values = pl.Series([record.value for record in records], dtype=pl.Binary)
    verdicts = StreamJudge(rules).judge(values)
    accepted = {
        row: found
        for frame in verdicts.accepted.values()
        for row, found in frame.select("_row", "_id").iter_rows()
    }
    refused = {
        row: {reason["code"] for reason in reasons}
        for row, reasons in verdicts.refused.select("_row", "reasons").iter_rows()
    }
    return accepted, refused


def test_good_events_are_accepted_under_their_id_and_broken_ones_refused_for_their_reason(
    contracts: ContractRegistry,
) -> None:
    events, records = rendered(rendering(contracts, **MANY))
    accepted, refused = judged(contracts, "load", "orders", records)
    assert len(set(events.kinds.tolist())) == len(Kind)
    for row, (kind, origin) in enumerate(
        zip(events.kinds.tolist(), events.origins.tolist(), strict=True)
    ):
        if kind in REASONS:
            assert refused[row] == {REASONS[Kind(kind)]}
            assert event_id(PREFIX, origin).encode() in (records[row].value or b"")
        else:
            assert accepted[row] == event_id(PREFIX, origin)
    ids = pl.Series([accepted[row] for row in sorted(accepted)])
    assert numbers_of(ids, PREFIX).to_list() == events.origins[sorted(accepted)].tolist()


def test_each_event_has_the_time_key_partition_and_size_of_the_schedule(
    contracts: ContractRegistry,
) -> None:
    events, records = rendered(rendering(contracts, duplicates="0%", late="10%", invalid="0%"))
    sizes = set()
    for row, record in enumerate(records):
        assert record.value is not None
        found = json.loads(record.value)
        late = 3_600 if events.kinds[row] == Kind.LATE else 0
        due = BEGUN + timedelta(microseconds=int(events.intended[row]), seconds=-late)
        assert found["placed_at"] == due.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        assert found["account_id"] == f"a{events.keys[row]:08d}"
        assert record.key == found["account_id"].encode()
        assert record.partition == str(events.partitions[row])
        sizes.add(len(record.value))
    assert min(sizes) == 340
    assert max(sizes) == 400


def test_a_duplicate_is_its_origin_to_the_byte(contracts: ContractRegistry) -> None:
    events, records = rendered(rendering(contracts, **MANY))
    twice = np.flatnonzero(events.kinds == Kind.DUPLICATE)
    assert len(twice) > 100
    for row in twice.tolist():
        assert records[row] == records[int(events.origins[row])]


def test_the_same_plan_and_pin_give_the_same_bytes_in_any_portions(
    contracts: ContractRegistry,
) -> None:
    _, whole = rendered(rendering(contracts, **MANY))
    made = rendering(contracts, **MANY)
    portions = [
        made.outgoing(made.schedule.of(np.arange(begin, min(begin + 7, 2_000))), BEGUN_US)
        for begin in range(0, 2_000, 7)
    ]
    assert [record for portion in portions for record in portion] == whole
    _, other = rendered(rendering(contracts, prefix="ba9876543210", **MANY))
    assert all(a.value != b.value for a, b in zip(whole, other, strict=True))


def test_times_that_are_integers_count_in_the_unit_of_the_contract(
    contracts: ContractRegistry,
) -> None:
    with zstandard.open(EXAMPLES / "earthquakes" / "events.ndjson.zst", "rt") as file:
        sample = "".join(next(file) for _ in range(3))
    events, records = rendered(
        rendering(
            contracts,
            "earthquakes",
            stream="seismic_events",
            sample=sample,
            key_field="properties.code",
            sizes={"field": "properties.place", "at_least": 1_000, "at_most": 1_200},
            keys={"count": 50, "skew": "0"},
            **MANY,
        )
    )
    accepted, refused = judged(contracts, "earthquakes", "seismic_events", records)
    assert len(accepted) + len(refused) == 2_000
    assert all(refused[row] == {REASONS[Kind(events.kinds[row])]} for row in refused)
    row = int(np.flatnonzero(events.kinds == Kind.GOOD)[5])
    found = json.loads(records[row].value or b"")
    assert found["properties"]["time"] == (BEGUN_US + int(events.intended[row])) // 1_000
    assert found["id"] == event_id(PREFIX, row)
    assert found["properties"]["code"].endswith(f"{events.keys[row]:08d}")
    assert found["properties"]["code"].encode() == records[row].key


def test_ids_that_are_uuids_stay_so_and_a_stream_may_carry_several_events(
    contracts: ContractRegistry,
) -> None:
    common = {
        "event_id": "0b9a4d2e-5f0c-4c56-9d53-0b3a2f6f8b11",
        "authorisation_id": "7f7b25a4-0f51-4f5b-8ad3-0a4b8f6f8b12",
        "account_id": "a00000007",
        "amount": "12.50",
        "currency": "EUR",
        "occurred_at": "2026-01-05T08:00:00Z",
    }
    sample = [
        common | {"type": "chargeback", "reason": "fraud"},
        common | {"type": "refund", "partial": False},
    ]
    events, records = rendered(
        rendering(
            contracts,
            "payments",
            stream="reversals",
            sample="\n".join(map(json.dumps, sample)),
            sizes=None,
            **MANY,
        )
    )
    accepted, refused = judged(contracts, "payments", "reversals", records)
    assert len(accepted) + len(refused) == 2_000
    assert {json.loads(records[row].value or b"")["type"] for row in accepted} == {
        "chargeback",
        "refund",
    }
    for row, found in accepted.items():
        assert found == event_id(PREFIX, int(events.origins[row]), IdForm.UUID)


def changed_order(**changed: Any) -> str:
    return json.dumps({name: v for name, v in (ORDER | changed).items() if v is not ...})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"sample": "\n \n"}, "found none"),
        ({"sample": changed_order() + "\n{"}, "sample record 2 for orders: expected a JSON object"),
        ({"sample": "[1]"}, "NOT_AN_OBJECT"),
        ({"sample": changed_order(amount="free")}, "sample record 1 .* PATTERN_MISMATCH"),
        ({"sample": changed_order(note=...)}, "a text at note, its fill, found nothing"),
        ({"key_field": "no.such"}, "a text or an integer at no.such, its key, found nothing"),
        ({"key_field": "lines"}, "its key, found a list"),
        (
            {"key_field": "order_id"},
            "a field of its own for each, found id at order_id, .*key at order",
        ),
        ({"sizes": {"field": "lines", "at_least": 340, "at_most": 350}}, "its fill, found a list"),
        (
            {"sizes": {"field": "note", "at_least": 200, "at_most": 350}},
            "at least 2[0-9][0-9] bytes",
        ),
        (
            {"sizes": {"field": "note", "at_least": 340, "at_most": 200_000}},
            "made GOOD: expected a record that the contract accepts, found LENGTH_OUT_OF_RANGE",
        ),
        ({"key_field": "currency"}, "made GOOD: .* VALUE_NOT_ALLOWED"),
        ({"keys": {"count": 1_000_000, "skew": "0"}, "key_field": "channel"}, "VALUE_NOT_ALLOWED"),
    ],
)
def test_a_workload_that_does_not_fit_the_contract_is_refused_before_anything_is_sent(
    contracts: ContractRegistry, changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        rendering(contracts, **changed)


def lenient(
    tmp_path: Path, *, required: tuple[str, ...] = (), **properties: Any
) -> ContractRegistry:
    """Return contracts of the shipped feed in which orders may have these properties too."""
    order = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "order_id": {"type": "string"},
            "placed_at": {"type": "string", "format": "date-time"},
            **properties,
        },
        "required": required,
    }
    (tmp_path / "load").mkdir()
    (tmp_path / "load" / "order.v1.json").write_text(json.dumps(order))
    return ContractRegistry.load([tmp_path])


def test_what_no_change_can_break_is_sent_without_broken_events(tmp_path: Path) -> None:
    contracts = lenient(tmp_path, account_id={"type": "integer"})
    record = {"order_id": "1", "placed_at": "2026-01-05T08:00:00Z", "account_id": 5}
    shared: dict[str, Any] = {"sample": json.dumps(record), "sizes": None}
    with pytest.raises(ConfigurationError, match="refused for MISSING_REQUIRED alone"):
        rendering(contracts, **shared)
    events, records = rendered(rendering(contracts, **shared, invalid="0%"), 50)
    for row, record_sent in enumerate(records):
        assert json.loads(record_sent.value or b"")["account_id"] == events.keys[row]
        assert record_sent.key == str(events.keys[row]).encode()


def test_what_is_broken_is_a_field_of_the_events_own_where_there_is_no_other(
    tmp_path: Path,
) -> None:
    contracts = lenient(tmp_path, required=("placed_at",), account_id={"type": "string"})
    record = {"order_id": "1", "placed_at": "2026-01-05T08:00:00Z", "account_id": "a5"}
    events, records = rendered(
        rendering(contracts, sample=json.dumps(record), sizes=None, invalid="50%")
    )
    for kind, sent in zip(events.kinds.tolist(), records, strict=True):
        if kind == Kind.MISSING_REQUIRED:
            assert json.loads(sent.value or b"").keys() == {"order_id", "account_id"}
        elif kind == Kind.WRONG_TYPE:
            found = json.loads(sent.value or b"")
            assert not isinstance(found["placed_at"], str) or not isinstance(
                found["account_id"], str
            )


def test_keys_are_texts_or_integers_and_not_both(tmp_path: Path) -> None:
    contracts = lenient(tmp_path, account_id={"type": ["integer", "string"]})
    records = [
        {"order_id": "1", "placed_at": "2026-01-05T08:00:00Z", "account_id": key}
        for key in (5, "a5")
    ]
    with pytest.raises(ConfigurationError, match="all texts, or all integers"):
        rendering(contracts, sample="\n".join(map(json.dumps, records)), sizes=None, invalid="0%")


def test_what_a_sample_says_in_odd_characters_is_sent_as_it_is(tmp_path: Path) -> None:
    contracts = lenient(tmp_path, account_id={"type": "string"}, more={"type": "string"})
    odd = '100 % "quoted" \\ \ue000\ue001 \u0000 \u2028 \U0001f600 {0} %b %(x)s'
    record = {
        "order_id": "1",
        "placed_at": "2026-01-05T08:00:00Z",
        "account_id": '%b"5',
        "more": odd,
    }
    made = rendering(contracts, sample=json.dumps(record), sizes=None, invalid="0%")
    events, records = rendered(made, 20)
    for row, sent in enumerate(records):
        found = json.loads(sent.value or b"")
        assert found["more"] == odd
        assert found["account_id"] == f'%b"{events.keys[row]:03d}'
        assert sent.key == found["account_id"].encode()
