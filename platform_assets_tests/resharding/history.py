"""A history of one stream from a seed: windows, splits, merges and restarts while records pour in.

Shards are split and merged between windows, and within them: at a request of the feed that the seed
chose, before it is answered. That may be while the feed looks, or while it lands what it pinned.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from platform_assets.adapters.kinesis.scan import REMEMBERED
from platform_assets.errors import SourceUnreachable
from platform_assets.pipeline import Platform, finish, next_run
from platform_assets_tests.resharding.shards import Resharder
from platform_assets_tests.resharding.traffic_home import FEED, make_home
from platform_assets_tests.servers.kinesis_faults import fault_proxy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from platform_assets_tests.resharding.traffic import Traffic
    from platform_assets_tests.servers.kinesis import KinesisServer
    from platform_assets_tests.servers.kinesis_faults import FaultProxy

#: Every history has these steps, in an order of its own.
_STEPS = (
    *("window", "window", "restart", "reshard", "reshard", "between", "between"),
    *("within", "within", "within"),
)
#: How much is produced while a step lasts: 12 batches of 1 to 40 records.
_BATCHES = 12
_MOST_WINDOWS = 120
_MOST_ATTEMPTS = 30
#: Faults of the feed's own requests. No answer of a reader is ambiguous: it asks again.
READER_FAULTS = {
    "throttle": 0.05,
    "expired": 0.04,
    "error_before": 0.02,
    "error_after": 0.02,
    "reset_before": 0.02,
    "reset_after": 0.02,
    "empty_page": 0.15,
    "short_page": 0.3,
    "cut": 0.03,
    "garbled": 0.02,
    "stall_before": 0.01,
}


@dataclass
class Told:
    """What happened in a history."""

    windows: int = 0
    attempts: int = 0
    within: int = 0
    restarts: int = 0
    faults: int = 0
    resharded: dict[str, int] = field(default_factory=dict)


class History:
    """One stream, one feed, one seed."""

    def __init__(self, server: KinesisServer, stream: str, home: Path, seed: int) -> None:
        self.told = Told()
        self._chance = random.Random(f"history {seed}")  # noqa: S311 - told again by its seed
        self._resharder = Resharder(server, stream, seed)
        self._server = server
        self._stream = stream
        self._home = home
        self._seed = seed
        self._failures: list[Exception] = []

    def run(self, traffic: Traffic, faults: Mapping[str, float]) -> Platform:
        """Live through the history, until the feed has caught up with everything that was sent."""
        most = self._chance.choice((200, 1_000, 1_000_000))
        with fault_proxy(
            self._server.endpoint, faults, seed=self._seed, stall_seconds=0.3
        ) as proxy:
            make_home(self._home, proxy.endpoint, self._stream, max_records=most)
            platform = Platform.open(self._home)
            traffic.start()
            try:
                for step in self._chance.sample(_STEPS, len(_STEPS)):
                    traffic.allow(_BATCHES)
                    self._step(step, platform, proxy)
            finally:
                traffic.stop()
            while self._window(platform):
                assert self.told.windows < _MOST_WINDOWS, "the feed does not catch up"
            self.told.faults = sum(proxy.injected.values())
        self.told.resharded = dict(self._resharder.done)
        return platform

    def _step(self, step: str, platform: Platform, proxy: FaultProxy) -> None:
        if step == "reshard":
            self._resharder.reshard()
        elif step == "restart":
            REMEMBERED.clear()
            self.told.restarts += 1
        else:
            if step == "within":
                self._reshard_within(proxy)
            self._window(platform, between=step == "between")
            proxy.forget_acts()
            assert not self._failures, self._failures
        time.sleep(0.05 * self._chance.random())

    def _reshard_within(self, proxy: FaultProxy) -> None:
        def act() -> None:
            try:
                self._resharder.reshard()
            except Exception as failure:  # noqa: BLE001 - told by the step
                self._failures.append(failure)
            self.told.within += 1

        operation, latest = self._chance.choice((("GetRecords", 8), ("ListShards", 3)))
        proxy.act_at(operation, self._chance.randint(1, latest), act)

    def _window(self, platform: Platform, *, between: bool = False) -> bool:
        """Pin and close a window, attempt after attempt as a daemon would; False if nothing waits."""
        for _ in range(_MOST_ATTEMPTS):
            self.told.attempts += 1
            try:
                run = next_run(platform, FEED)
                if run is None:
                    return False
                if between:
                    self._resharder.reshard()
                    between = False
                finish(platform, run)
            except SourceUnreachable:
                continue
            self.told.windows += 1
            return True
        raise AssertionError("no attempt succeeded")

    def parents(self) -> dict[str, tuple[str, ...]]:
        """Return the parents of every shard, as the server lists them."""
        shards = self._server.client().list_shards(StreamName=self._stream)["Shards"]
        names = ("ParentShardId", "AdjacentParentShardId")
        return {
            shard["ShardId"]: tuple(shard[name] for name in names if name in shard)
            for shard in shards
        }
