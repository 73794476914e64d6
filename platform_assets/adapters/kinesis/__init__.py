"""Kinesis streams as streams. The client library of Kinesis is known to this package alone.

Kinesis has sequence numbers and no offsets. Here an offset is the ordinal of a record, counted from
where the feed began to read its shard; the name of a place beside it says where that is (`places`).
"""

from platform_assets.adapters.kinesis.source import KinesisStream

__all__ = ["KinesisStream"]
