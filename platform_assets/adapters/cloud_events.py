"""Announcements as CloudEvents 1.0 in structured JSON, by the project's own library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudevents.core.exceptions import BaseCloudEventException
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from platform_assets.canonical import parse_rfc3339, rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The header that says so where a record has headers, as the Kafka binding of CloudEvents wants it.
CONTENT_TYPE_HEADER = ("content-type", b"application/cloudevents+json; charset=UTF-8")


class NotACloudEventError(Exception):
    """The bytes are no CloudEvent in structured JSON."""


def encode(event: Mapping[str, Any]) -> bytes:
    """Return the bytes of an event; the same event has the same bytes."""
    attributes = {name: value for name, value in event.items() if name != "data"}
    attributes["time"] = parse_rfc3339(attributes["time"])
    return JSONFormat().write(CloudEvent(attributes, event["data"]))


def decode(data: bytes) -> dict[str, Any]:
    """Return the attributes and data of an event; its time as records write it.

    Raises:
        NotACloudEventError: the bytes are none.
    """
    try:
        event = JSONFormat().read(CloudEvent, data)
        found = {**event.get_attributes(), "data": event.get_data()}
        return {**found, "time": rfc3339(found["time"])}
    except (
        BaseCloudEventException,
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise NotACloudEventError(f"{type(error).__name__}: {error}") from error
