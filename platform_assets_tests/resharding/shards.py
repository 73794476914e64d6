"""Splits and merges, chosen from a seed among the shards that are open at the moment."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from platform_assets_tests.servers.kinesis import KinesisServer

_MOST_OPEN = 6


class Resharder:
    """Splits and merges shards of one stream, straight at the server."""

    def __init__(self, server: KinesisServer, stream: str, seed: int) -> None:
        self.done: Counter[str] = Counter()
        self._server = server
        self._stream = stream
        self._client = server.client()
        self._chance = random.Random(f"shards {seed}")  # noqa: S311 - a history is told again

    def reshard(self) -> None:
        """Split a shard or merge two, whichever is possible, and wait until it is over."""
        shards = self._open()
        split = len(shards) == 1 or (len(shards) < _MOST_OPEN and self._chance.random() < 0.5)
        if split:
            self._split(self._chance.choice(shards))
        else:
            index = self._chance.randrange(len(shards) - 1)
            self._merge(shards[index], shards[index + 1])
        self._server.wait_until_active(self._stream)

    def _split(self, shard: dict[str, Any]) -> None:
        first, last = (
            int(shard["HashKeyRange"][f"{end}HashKey"]) for end in ("Starting", "Ending")
        )
        share = self._chance.uniform(0.2, 0.8)
        middle = first + int((last - first) * share)
        self._client.split_shard(
            StreamName=self._stream,
            ShardToSplit=shard["ShardId"],
            NewStartingHashKey=str(middle),
        )
        self.done["split"] += 1

    def _merge(self, one: dict[str, Any], other: dict[str, Any]) -> None:
        # kinesalite takes the lower one first
        self._client.merge_shards(
            StreamName=self._stream,
            ShardToMerge=one["ShardId"],
            AdjacentShardToMerge=other["ShardId"],
        )
        self.done["merge"] += 1

    def _open(self) -> list[dict[str, Any]]:
        """Return the open shards in the order of their hash keys: neighbours are adjacent."""
        shards = self._client.list_shards(StreamName=self._stream)["Shards"]
        opened = [s for s in shards if "EndingSequenceNumber" not in s["SequenceNumberRange"]]
        return sorted(opened, key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))
