"""Waiting for a fact: what the control topic announces is believed after it was verified, never before.

An event is a hint. A product is returned only after the gate opened it, with exactly the manifest and
the certificate that were announced; a closed run only after its seal verified, over exactly that
evidence. Everything else on the topic is passed over, with the reason: what is no announcement, what
names other digests than those that stand, what the gate refuses.

The topic is read as any stream, from a position that the consumer may keep. Events that were read and
not asked for yet are kept beside it, and ids that were given once are not given again.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_assets.adapters.streams import open_source
from platform_assets.errors import (
    DeclarationInvalid,
    NotAnnounced,
    PlatformError,
    RunOpen,
    SourceDenied,
    SourceUnreachable,
)
from platform_assets.pipeline.corrections import corrected_run
from platform_assets.pipeline.platform import Platform
from platform_assets.pipeline.reading import open_product
from platform_assets.pipeline.ready_cursor import ReadyCursor
from platform_assets.pipeline.standing import declared_output
from platform_assets.pipeline.state import sealed_run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from platform_assets.flow.announcements import Announcement
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.reading import CertifiedProduct
    from platform_assets.ports.streams import StreamSource

_POLL_SECONDS = 1.0
_TOLD = 10


@dataclass(frozen=True, slots=True)
class ClosedRun:
    """A run whose seal was verified, the evidence that the seal names, and which run it corrects."""

    run: RunId
    bundle_digest: str
    bundle: Mapping[str, Any]
    supersedes: RunId | None = None


@dataclass(frozen=True, slots=True)
class _Wanted:
    feed: str
    product: str | None
    run: RunId | None

    def matches(self, announcement: Announcement) -> bool:
        """Tell whether an announcement is about what is waited for."""
        return (
            announcement.run.feed == self.feed
            and announcement.product == self.product
            and self.run in (None, announcement.run)
        )

    def __str__(self) -> str:
        run = f"run {self.run}" if self.run else f"a run of {self.feed}"
        return f"{self.product} of {run}" if self.product else f"the closure of {run}"


def wait_ready(
    home: Path | Platform,
    feed: str,
    product: str | None = None,
    run: RunId | None = None,
    *,
    timeout: float,
    cursor: ReadyCursor | None = None,
) -> CertifiedProduct | ClosedRun:
    """Wait until a product is announced as certified, or a run as closed, and verify it.

    Args:
        home: a platform home, or an opened one.
        feed: the feed's name.
        product: the product to wait for; None waits for the closure of a run.
        run: of this run; None takes the next one that is announced.
        timeout: how many seconds to wait.
        cursor: how far the consumer has read, moved on by this call. Without it, the topic is read from
            its first record. A consumer that starts again keeps it: `ReadyCursor.as_json`.

    Returns:
        The product, opened through the gate, or the closed run with its evidence.

    Raises:
        NotAnnounced: nothing that is true was announced in time; the error lists what was passed over.
        SourceUnreachable: the control topic could not be read until the time was over.
        DeclarationInvalid: the feed declares no `announce`.
        UnknownThing: the feed declares no such product.
    """
    platform = home if isinstance(home, Platform) else Platform.open(home)
    target = platform.feed(feed).announce
    if target is None:
        raise DeclarationInvalid(
            f"feed {feed}",
            expected="`announce` with a source and a topic",
            found="none, so that nothing is announced",
            remedy=f"Add it in {platform.home / platform.settings.defs}/{feed}/defs.yaml.",
        )
    if product is not None:
        declared_output(platform, feed, product)  # nobody shall wait for a misspelled one
    wanted = _Wanted(feed, product, run)
    place = cursor if cursor is not None else ReadyCursor()
    deadline = platform.clock.monotonic() + timeout
    with closing(open_source(target.source, target.topic, platform.home)) as source:
        while True:
            outage = _read(source, place, platform)
            passed_over: dict[str, str] = dict(place.unreadable)
            found = _first_true(platform, wanted, place, passed_over)
            if found is not None:
                return found
            left = deadline - platform.clock.monotonic()
            if left <= 0:
                raise outage or _not_announced(wanted, target.topic, timeout, passed_over)
            platform.clock.sleep(min(left, _POLL_SECONDS))


def _read(source: StreamSource, place: ReadyCursor, platform: Platform) -> SourceUnreachable | None:
    """Read what is new; an outage may pass, and is returned."""
    try:
        place.read(source, platform.clock.now())
    except SourceDenied:
        raise
    except SourceUnreachable as error:
        return error
    return None


def _first_true(
    platform: Platform, wanted: _Wanted, place: ReadyCursor, passed_over: dict[str, str]
) -> CertifiedProduct | ClosedRun | None:
    """Return the first announced fact that holds; others of the kind are passed over, and told why."""
    for announcement in place.waiting():
        if not wanted.matches(announcement):
            continue
        try:
            found = _verified(platform, announcement)
        except PlatformError as error:  # it may come to hold: a rebuild, a store that lags behind
            passed_over[announcement.id] = f"{announcement.subject}: {error.code}: {error.found}"
            continue
        if isinstance(found, str):
            passed_over[announcement.id] = f"{announcement.subject}: {found}"
            place.drop(announcement)
            continue
        place.give(announcement)
        return found
    return None


def _verified(platform: Platform, announcement: Announcement) -> CertifiedProduct | ClosedRun | str:
    """Return the product or the closed run, or how it differs from what was announced.

    Raises:
        GateRefusal: the product may not be read.
        UnknownThing, RunOpen: there is no such product, or the run is not closed.
        EvidenceInconsistent: its seal does not verify.
    """
    run, product = announcement.run, announcement.product
    if product is None:
        sealed = sealed_run(platform, run)
        if sealed is None:
            raise _open_yet(run)
        closed = {"bundle_digest": sealed.bundle_digest}
        if closed != announcement.digests:
            return _differs(announcement, closed)
        corrects = corrected_run(platform, run)
        if corrects != announcement.supersedes:
            return _other_relation(announcement, corrects)
        return ClosedRun(run, sealed.bundle_digest, sealed.bundle, corrects)
    opened = open_product(platform, run, product)
    standing = {
        "manifest_digest": opened.manifest_digest,
        "certificate_digest": opened.certificate_digest,
    }
    if standing != announcement.digests:
        return _differs(announcement, standing)
    corrects = corrected_run(platform, run)
    return (
        opened if corrects == announcement.supersedes else _other_relation(announcement, corrects)
    )


def _other_relation(announcement: Announcement, corrects: RunId | None) -> str:
    return f"that it supersedes {announcement.supersedes} was announced, it supersedes {corrects}"


def _differs(announcement: Announcement, standing: Mapping[str, str]) -> str:
    wrong = [
        f"{name} {announcement.digests[name]} was announced, {value} stands"
        for name, value in standing.items()
        if announcement.digests[name] != value
    ]
    return "; ".join(wrong)


def _open_yet(run: RunId) -> RunOpen:
    return RunOpen(
        str(run),
        expected="a closed run",
        found="an open one, or none",
        remedy=f"Close it: platform-assets close {run}",
    )


def _not_announced(
    wanted: _Wanted, topic: str, timeout: float, passed_over: Mapping[str, str]
) -> NotAnnounced:
    found = [f"passed over: {reason}" for reason in passed_over.values()]
    more = [f"and {len(found) - _TOLD} more"] if len(found) > _TOLD else []
    return NotAnnounced(
        str(wanted),
        expected=f"a true announcement on {topic} within {timeout:g} s",
        found=[*found[:_TOLD], *more] or "none",
        remedy=f"See where it stands: platform-assets runs {wanted.feed}. What is certified and closed "
        f"is announced by: platform-assets announce {wanted.feed}",
    )
