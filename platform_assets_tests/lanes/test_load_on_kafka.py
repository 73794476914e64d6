"""Loads as they are sent to a real broker, which stalls and dies."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from platform_assets.lanes.ledger import acknowledged, doubtful
from platform_assets.lanes.schedule import SECOND
from platform_assets_tests.lanes.loads import (
    by_partition,
    counts,
    loaded_home,
    rendered,
    sending,
    standing,
    until,
)

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets_tests.servers.kafka_cluster import KafkaCluster

pytestmark = pytest.mark.kafka


def steady(seconds: int, rate: int) -> dict[str, Any]:
    return {"phases": [{"name": "steady", "seconds": seconds, "rate": rate}]}


def kafka_source(cluster: KafkaCluster, timeout_seconds: int) -> dict[str, Any]:
    return {
        "kind": "kafka",
        "bootstrap": cluster.bootstrap,
        "timeout_seconds": timeout_seconds,
    }


def test_a_frozen_broker_is_met_by_every_event_that_was_due_meanwhile(
    own_kafka: KafkaCluster, tmp_path: Path
) -> None:
    """No coordinated omission: the events go on being sent, and each has waited since it was due."""
    plan, platform = loaded_home(tmp_path, source=kafka_source(own_kafka, 60), **steady(6, 500))
    with sending(plan, platform, tmp_path) as (load, clock):
        until(lambda: clock.now() > SECOND and load.progress()[0].acknowledged)
        own_kafka.freeze(1)
        frozen = clock.now()
        until(lambda: clock.now() > frozen + 3 * SECOND)
        thawed = clock.now()
        own_kafka.thaw(1)
        assert load.wait(120)
        load.require_sound()
    assert standing(platform) == by_partition(rendered(plan, platform, load))
    measured = load.histograms()
    due = dict.fromkeys(range(6), 500)
    assert {metric: counts(found) for metric, found in measured.items()} == {
        "slip": due,
        "acknowledgement": due,
    }
    met = [
        each for each in measured["acknowledgement"] if frozen <= each.begin and each.end < thawed
    ]
    assert met
    for interval in met:
        waited = thawed - interval.end  # the last event of the second waited for longer
        assert interval.histogram.get_min_value() >= waited * 999 // 1_000


def test_a_broker_that_dies_leaves_doubt_about_some_and_certainty_about_all_others(
    own_kafka: KafkaCluster, tmp_path: Path
) -> None:
    plan, platform = loaded_home(tmp_path, source=kafka_source(own_kafka, 5), **steady(12, 500))
    with sending(plan, platform, tmp_path) as (load, clock):
        until(lambda: clock.now() > SECOND and load.progress()[0].acknowledged)
        with own_kafka.down(1):  # for longer than anything waits for an answer
            died = clock.now()
            until(lambda: clock.now() > died + 8 * SECOND)
        assert load.wait(180)
        load.require_sound()
    ledgers = load.ledgers()
    events = rendered(plan, platform, load)
    stands, doubt = acknowledged(ledgers, len(events)), doubtful(ledgers, len(events))
    assert all(own.sent == own.events for own in ledgers)
    assert doubt.any()
    assert stands[-10:].all()
    assert len(ledgers[0].sendings) > 1
    for name, values in standing(platform).items():
        certain, possible = (by_partition(events, mask)[name] for mask in (stands, stands | doubt))
        assert not Counter(certain) - Counter(values)
        assert not Counter(values) - Counter(possible)
    assert sum(counts(load.histograms()["slip"]).values()) == len(events)
    known = sum(counts(load.histograms()["acknowledgement"]).values())
    assert known == np.count_nonzero(stands)
