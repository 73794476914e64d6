"""What is announced on a feed's control topic: that a product may be read, that a run is closed.

An announcement is a CloudEvents 1.0 event, as values. Its id is the hash of its type and of what it
says, so that whoever announces a fact, and however often, announces it under the same id. It proves
nothing: whoever is told looks at the certificate or the seal before acting on it. Of a correction it
names the run that is superseded, so that whoever used that one knows.

`announced(event)` reads an event and believes nothing of it. It has to be, attribute for attribute, the
announcement that its own data make; then it says what somebody claims, and no more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest, parse_rfc3339
from platform_assets.errors import InvalidName
from platform_assets.identifiers import DIGEST_PATTERN, NAME_PATTERN, RunId

if TYPE_CHECKING:
    from collections.abc import Mapping

SPECVERSION = "1.0"
READY = "platform-assets.product.ready.v1"
CLOSED = "platform-assets.run.closed.v1"
CONTENT_TYPE = "application/json"

_DIGEST = re.compile(DIGEST_PATTERN)
_NAME = re.compile(NAME_PATTERN)
_SAID = {
    READY: ("run_id", "product", "manifest_digest", "certificate_digest"),
    CLOSED: ("run_id", "bundle_digest"),
}
#: What a correction says besides.
_CORRECTS = "supersedes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """One fact: its type, its run, its product if it is about one, digests, and when it arose.

    Of a correction it names the run that is superseded.
    """

    type: str
    run: RunId
    product: str | None
    digests: Mapping[str, str]
    time: str
    supersedes: RunId | None = None

    @property
    def data(self) -> dict[str, str]:
        """What is announced."""
        product = {} if self.product is None else {"product": self.product}
        corrects = {} if self.supersedes is None else {_CORRECTS: str(self.supersedes)}
        return {"run_id": str(self.run), **product, **self.digests, **corrects}

    @property
    def id(self) -> str:
        """The hash of type and data, in hex: the same for the same fact, for ever."""
        return digest({"type": self.type, "data": self.data}).removeprefix("sha256:")

    @property
    def subject(self) -> str:
        """The run, or a product of it."""
        return str(self.run) if self.product is None else f"{self.run}/{self.product}"

    def event(self) -> dict[str, Any]:
        """Return the event's attributes and data."""
        return {
            "specversion": SPECVERSION,
            "id": self.id,
            "source": source_of(self.run.feed),
            "type": self.type,
            "subject": self.subject,
            "time": self.time,
            "datacontenttype": CONTENT_TYPE,
            "data": self.data,
        }


def source_of(feed: str) -> str:
    """Return how the announcements of a feed name where they come from."""
    return f"urn:platform-assets:{feed}"


def product_ready(
    run: RunId,
    product: str,
    manifest_digest: str,
    certificate_digest: str,
    issued_at: str,
    *,
    supersedes: RunId | None = None,
) -> Announcement:
    """Return the announcement that a product is certified and may be read."""
    return Announcement(
        type=READY,
        run=run,
        product=product,
        digests={"manifest_digest": manifest_digest, "certificate_digest": certificate_digest},
        time=issued_at,
        supersedes=supersedes,
    )


def run_closed(
    run: RunId, bundle_digest: str, closed_at: str, supersedes: RunId | None = None
) -> Announcement:
    """Return the announcement that a run is closed."""
    return Announcement(
        type=CLOSED,
        run=run,
        product=None,
        digests={"bundle_digest": bundle_digest},
        time=closed_at,
        supersedes=supersedes,
    )


def announced(event: Mapping[str, Any]) -> Announcement | str:
    """Return what an event claims, or why it is no announcement."""
    kind, data, time = event.get("type"), event.get("data"), event.get("time")
    said = _SAID.get(kind) if isinstance(kind, str) else None
    if said is None or not isinstance(kind, str):
        return f"type {kind!r} is none of {', '.join(_SAID)}"
    if not isinstance(data, dict) or set(data) - {_CORRECTS} != set(said):
        return f"its data are not exactly {', '.join(said)}"
    wrong = [name for name in data if not _is_sound(name, data[name])]
    if wrong or not _is_moment(time):
        return f"no sound {', '.join(wrong) or 'time'}"
    found = Announcement(
        type=kind,
        run=RunId.parse(data["run_id"]),
        product=data.get("product"),
        digests={name: data[name] for name in said if name.endswith("_digest")},
        time=str(time),
        supersedes=RunId.parse(data[_CORRECTS]) if _CORRECTS in data else None,
    )
    differing = [name for name, value in found.event().items() if event.get(name) != value]
    if differing or set(event) != set(found.event()):
        return f"its {', '.join(differing) or 'attributes'} are not those of what it says"
    return found


def _is_sound(name: str, value: Any) -> bool:
    if not isinstance(value, str):
        return False
    if name in ("run_id", _CORRECTS):
        try:
            RunId.parse(value)
        except InvalidName:
            return False
        return True
    return bool((_NAME if name == "product" else _DIGEST).fullmatch(value))


def _is_moment(value: Any) -> bool:
    try:
        parse_rfc3339(value)
    except (ValueError, TypeError):
        return False
    return True
