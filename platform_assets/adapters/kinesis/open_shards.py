"""The shards of a Kinesis stream that take records now, and where each begins.

They are listed when a record first names one, and again whenever one names another that is not known: a
split or a merge may have made it since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.adapters.kinesis.client import NotNow
from platform_assets.adapters.kinesis.errors import told
from platform_assets.errors import SourceChanged

if TYPE_CHECKING:
    from collections.abc import Collection

    from platform_assets.adapters.kinesis.client import KinesisClient


class OpenShards:
    """The open shards of one stream."""

    def __init__(self, client: KinesisClient) -> None:
        self._client = client
        self._hash_keys: dict[str, str] = {}

    def names(self) -> list[str]:
        """Return them by name, as they are now.

        Raises:
            SourceUnreachable, SourceDenied, SourceChanged: they cannot be listed.
        """
        return sorted(self._listed())

    def hash_key(self, shard: str | None, only: Collection[str] | None) -> str:
        """Return the first hash key of the shard that a record names, nothing if it names none.

        Raises:
            SourceChanged: it is none of those that records may name, or not there, or closed.
            SourceUnreachable, SourceDenied: the shards cannot be listed.
        """
        if only is not None and shard not in only:
            raise SourceChanged(
                self._client.thing,
                expected=f"one of the shards {', '.join(sorted(only))}",
                found=f"a record for {shard or 'none'}",
                remedy="Send to one of these. Another one has to be named before records are sent.",
            )
        if shard is None:
            return ""
        if shard not in self._hash_keys:
            self._hash_keys = self._listed()
        if shard in self._hash_keys:
            return self._hash_keys[shard]
        raise SourceChanged(
            self._client.thing,
            expected=f"an open shard {shard}",
            found=f"open shards {', '.join(sorted(self._hash_keys))}",
            remedy="Send to a shard that is open, or leave the choice to the key.",
        )

    def _listed(self) -> dict[str, str]:
        found: dict[str, str] = {}
        parameters = {"StreamName": self._client.stream}
        while parameters:
            try:
                answer = self._client.ask("ListShards", **parameters)
            except NotNow as error:
                raise told(error.cause, self._client.thing, "ListShards") from error
            for shard in answer["Shards"]:
                if "EndingSequenceNumber" not in shard["SequenceNumberRange"]:
                    found[shard["ShardId"]] = shard["HashKeyRange"]["StartingHashKey"]
            token = answer.get("NextToken")
            parameters = {"NextToken": token} if token else {}
        return found
