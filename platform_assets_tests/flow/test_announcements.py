"""An announcement has one id for ever, and what contradicts itself is none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_structured
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.adapters.cloud_events import CONTENT_TYPE_HEADER, decode, encode
from platform_assets.contracts.records import check_record
from platform_assets.errors import RecordInvalid
from platform_assets.flow.announcements import Announcement, announced, product_ready, run_closed
from platform_assets.identifiers import RunId

RUN = RunId("shop", 1)
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
TIME = "2026-01-31T06:00:00.000000Z"
READY = product_ready(RUN, "orders", A, B, TIME)
CLOSED = run_closed(RUN, A, TIME)
CORRECTED = run_closed(RunId("shop", 3), A, TIME, RUN)

digests = st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True)
runs = st.builds(RunId, st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True), st.integers(1, 9))
corrected = st.none() | runs
products = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True)
facts = st.builds(
    product_ready, runs, products, digests, digests, st.just(TIME), supersedes=corrected
) | st.builds(run_closed, runs, digests, st.just(TIME), corrected)


def test_the_ids_of_facts_do_not_change() -> None:
    """They stand on topics and in records that are kept."""
    assert READY.id == "9eec0884243c6bf6eec5702e4ee9b12ade4fde9f8d77dbdf07ff60177b20db2e"
    assert CLOSED.id == "ae4f81f8144351a8d73a5a8d4dd1999af858db550bf925c0f91d7c798f1975f5"


@given(facts)
def test_what_was_written_is_read(fact: Announcement) -> None:
    assert announced(fact.event()) == fact
    assert decode(encode(fact.event())) == fact.event()
    assert encode(fact.event()) == encode(json.loads(json.dumps(fact.event())))


@given(facts, facts)
def test_two_facts_have_two_ids(one: Announcement, other: Announcement) -> None:
    assert (one.id == other.id) == (one == other)


@pytest.mark.parametrize("fact", [READY, CLOSED, CORRECTED], ids=["ready", "closed", "corrected"])
def test_every_attribute_that_is_changed_added_or_taken_away_is_found(fact: Announcement) -> None:
    event = fact.event()
    for name in event:
        for other in ("", "x", None, 7, {}, "1.0 ", str(event[name]) + " "):
            assert isinstance(announced({**event, name: other}), str), (name, other)
        assert isinstance(announced({k: v for k, v in event.items() if k != name}), str), name
    assert isinstance(announced({**event, "more": "x"}), str)


@pytest.mark.parametrize("fact", [READY, CLOSED, CORRECTED], ids=["ready", "closed", "corrected"])
def test_every_datum_that_is_changed_added_or_taken_away_is_found(fact: Announcement) -> None:
    event = fact.event()
    for name, value in fact.data.items():
        for other in ("", value[:-1], f"{value}\n", value.upper(), None, 7, "../x", B.upper()):
            found = announced({**event, "data": {**fact.data, name: other}})
            assert isinstance(found, str), (name, other)
        rest = {k: v for k, v in fact.data.items() if k != name}
        assert isinstance(announced({**event, "data": rest}), str), name
    assert isinstance(announced({**event, "data": {**fact.data, "more": "x"}}), str)


def test_another_time_is_the_same_fact_if_it_is_a_time() -> None:
    later = {**READY.event(), "time": "2026-02-01T00:00:00.000000Z"}
    found = announced(later)
    assert isinstance(found, Announcement)
    assert found.id == READY.id


def test_any_reader_of_cloud_events_understands_what_is_sent() -> None:
    name, value = CONTENT_TYPE_HEADER
    message = KafkaMessage({name: value}, None, encode(READY.event()))
    event = from_structured(message, JSONFormat())
    assert event.get_id() == READY.id
    assert event.get_subject() == "shop-00000001/orders"
    assert event.get_data() == READY.data
    assert event.get_time() is not None


def record(**changes: Any) -> dict[str, Any]:
    return {
        "record": "announcement",
        "version": 1,
        "run_id": str(RUN),
        "config_digest": A,
        "event": READY.event(),
        "target": {"kind": "kafka", "topic": "ready"},
        "announced_at": TIME,
        **changes,
    }


def test_the_record_of_an_announcement_has_a_schema() -> None:
    assert check_record(record(), "here")
    assert check_record(record(event=CLOSED.event()), "here")
    for wrong in (
        {"event": {**READY.event(), "data": CLOSED.data | {"product": "orders"}}},
        {"event": {**READY.event(), "id": "x"}},
        {"event": {**READY.event(), "source": "elsewhere"}},
        {"target": {"kind": "kafka"}},
        {"announced_at": "now"},
        {"more": "x"},
    ):
        with pytest.raises(RecordInvalid):
            check_record(record(**wrong), "here")
