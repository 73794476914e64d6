"""A run of a real topic: read again, expired, the topic deleted; then from the archive alone."""

from __future__ import annotations

import shutil
import socket
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import TopicPartition

from platform_assets.errors import DependencyUnreachable
from platform_assets.flow.replay import Verdict
from platform_assets.pipeline import Platform, export_run, finish, next_run
from platform_assets.pipeline.replay import Start, replay_bundle, replay_run
from platform_assets.pipeline.replay_platform import Surroundings
from platform_assets_tests.adapters.kafka.kafka_home import FEED, event, make_home
from platform_assets_tests.adapters.kafka.known_logs import Ledger, Writer, admin_of

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets_tests.servers.kafka_found import Kafka
    from platform_assets_tests.servers.kafka_topics import NewTopic

pytestmark = pytest.mark.kafka
SECONDS = 30


def unused_port() -> int:
    """Return a port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_i13_a_topic_read_again_then_expired_then_deleted(
    kafka: Kafka, topic: NewTopic, tmp_path: Path
) -> None:
    name = topic("seen", partitions=2)
    writer = Writer(kafka.bootstrap, name, Ledger())
    writer.write([(n % 2, b"k", event(f"e-{n}", n)) for n in range(200)])
    writer.write([(n % 2, b"k", event(f"e-{n}", n)) for n in range(200, 220)], "abort")
    writer.write([(n % 2, None, event(f"e-{n}", n)) for n in range(220, 300)])
    home = make_home(tmp_path / "home", kafka.bootstrap, {"seen": name}, seconds=5)
    platform = Platform.open(home)
    run = next_run(platform, FEED)
    assert run is not None
    finish(platform, run)
    archive = tmp_path / "run.tar"
    export_run(platform, run, archive, with_data=True)

    again = replay_run(platform, run)
    assert (again.start, again.divergence, again.verdict) == ("anchors", None, Verdict.REPRODUCED)
    assert ("land", "seen") in {(each.step, each.thing) for each in again.compared}

    admin = admin_of(kafka.bootstrap)
    place = TopicPartition(name, 1, 40)
    assert admin.delete_records([place])[place].result(SECONDS).low_watermark == 40
    expired = replay_run(platform, run)
    assert (expired.start, expired.verdict) == ("landing", Verdict.REPRODUCED)
    assert "seen: OffsetExpired" in expired.reason
    diverged = replay_run(platform, run, start=Start.ANCHORS).divergence
    assert diverged is not None
    assert (diverged.step, diverged.thing) == ("land", "seen")
    assert "OffsetExpired" in diverged.problem

    admin.delete_topics([name])[name].result(SECONDS)
    deleted = replay_run(platform, run)  # the cluster answers, and what was pinned is not there
    assert (deleted.start, deleted.verdict) == ("landing", Verdict.REPRODUCED)
    assert deleted.reason.startswith("seen: ")

    defs = home / "defs" / FEED / "defs.yaml"
    defs.write_text(defs.read_text().replace(kafka.bootstrap[0], f"127.0.0.1:{unused_port()}"))
    with pytest.raises(DependencyUnreachable, match="--from landing"):
        replay_run(Platform.open(home), run)
    shutil.rmtree(home)
    alone = replay_bundle(archive, Surroundings(tmp_path / "nowhere", tmp_path / "scratch"))
    assert (alone.start, alone.divergence, alone.verdict) == (
        "landing",
        None,
        Verdict.REPRODUCED,
    )
