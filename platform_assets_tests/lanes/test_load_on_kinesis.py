"""A load as it is sent to a Kinesis server: the same events, to the same partitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_assets.lanes.ledger import acknowledged
from platform_assets_tests.lanes.loads import (
    by_partition,
    loaded_home,
    rendered,
    sending,
    standing,
)

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets_tests.servers.kinesis import KinesisServer


@pytest.mark.kinesis
@pytest.mark.usefixtures("kinesis_credentials")
def test_every_event_stands_in_the_shard_of_its_partition(
    kinesalite: KinesisServer, tmp_path: Path
) -> None:
    source = {"kind": "kinesis", "region": "us-east-1", "endpoint": kinesalite.endpoint}
    phases = [{"name": "steady", "seconds": 3, "rate": 100}]
    plan, platform = loaded_home(tmp_path, source=source, phases=phases)
    with sending(plan, platform, tmp_path) as (load, _):
        assert load.wait(120)
        load.require_sound()
    assert acknowledged(load.ledgers(), 300).all()
    found, expected = standing(platform), by_partition(rendered(plan, platform, load))
    assert {shard: by_key(values) for shard, values in found.items()} == {
        shard: by_key(values) for shard, values in expected.items()
    }


def by_key(values: list[bytes]) -> dict[bytes, list[bytes]]:
    """Return the records of each key in their order; those of several keys have none in a shard."""
    keys: dict[bytes, list[bytes]] = {}
    for value in values:
        _, _, rest = value.partition(b'"account_id":')
        keys.setdefault(rest[:11], []).append(value)
    return keys
