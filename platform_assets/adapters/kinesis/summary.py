"""What a stream is, and for how long it keeps its records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from platform_assets.canonical import rfc3339
from platform_assets.errors import SourceChanged, SourceUnreachable
from platform_assets.ports.positions import Identity

if TYPE_CHECKING:
    from platform_assets.adapters.kinesis.client import KinesisClient


@dataclass(frozen=True, slots=True)
class Summary:
    """Who keeps the stream, which one of its name it is, and its retention period."""

    identity: Identity
    retention: timedelta


def summarise(client: KinesisClient) -> Summary:
    """Return what the stream is now.

    The account and region stand for the cluster. A stream made anew under a name has another moment of
    creation.

    Raises:
        SourceUnreachable: no answer, or the stream is still being created.
        SourceDenied, SourceChanged: as for `KinesisClient.ask`, or it is being deleted.
    """
    answer = client.ask("DescribeStreamSummary", StreamName=client.stream)
    found = answer["StreamDescriptionSummary"]
    if found["StreamStatus"] == "CREATING":
        raise SourceUnreachable(
            client.thing,
            expected="a stream that can be read",
            found="one that is being created",
            remedy="Wait; it is looked at again at the next attempt.",
        )
    if found["StreamStatus"] == "DELETING":
        raise SourceChanged(
            client.thing,
            expected="the stream",
            found="one that is being deleted",
            remedy="Declare another stream, and a feed of another name for it.",
        )
    cluster, _, name = found["StreamARN"].rpartition(":stream/")
    created = rfc3339(found["StreamCreationTimestamp"])
    return Summary(
        identity=Identity(cluster=cluster, incarnation=f"{name}@{created}"),
        retention=timedelta(hours=found["RetentionPeriodHours"]),
    )
