"""Which runs of a feed are pinned, and which of them are open, read from the feed's log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.flow.places import place_of
from platform_assets.identifiers import RunId
from platform_assets.pipeline import layout
from platform_assets.pipeline.state import is_closed

if TYPE_CHECKING:
    from platform_assets.pipeline.platform import Platform

#: By a feed's log: the last of the runs that are closed without an exception, and its anchors' version.
_closed: dict[str, tuple[int, str | None]] = {}


def open_runs(platform: Platform, feed: str, *, through: int | None = None) -> list[RunId]:
    """Return every run that is not closed, earliest first.

    How far a feed's runs are closed without an exception is remembered within the process, because
    closed runs stay closed, and a sensor that asks every few seconds shall not ask for all of them.

    Args:
        platform: the opened home.
        feed: the feed's name.
        through: the last sequence that counts; None for all.
    """
    every = [run for run in runs(platform, feed) if through is None or run.sequence <= through]
    closed = _closed_through(platform, feed)
    found = [run for run in every if run.sequence > closed and not is_closed(platform, run)]
    last = found[0].sequence - 1 if found else (every[-1].sequence if every else 0)
    if last > closed:
        _closed[_log_of(platform, feed)] = (last, _anchors_version(platform, RunId(feed, last)))
    return found


def _closed_through(platform: Platform, feed: str) -> int:
    """Return up to which run all are known to be closed; 0 where the log is not the remembered one."""
    last, version = _closed.get(_log_of(platform, feed), (0, ""))
    if last and _anchors_version(platform, RunId(feed, last)) == version:
        return last
    return 0


def _log_of(platform: Platform, feed: str) -> str:
    return f"{platform.store.identity} {layout.feed_log(feed)}"


def _anchors_version(platform: Platform, run: RunId) -> str | None:
    path = layout.anchors_path(run)
    return platform.store.stat(path).version if platform.store.exists(path) else None


def runs(platform: Platform, feed: str) -> list[RunId]:
    """Return every pinned run of a declared feed, earliest first; a name that is no run's is none."""
    platform.feed(feed)
    places = map(place_of, platform.store.list(layout.feed_log(feed)))
    return [RunId(feed, at.number) for at in places if at is not None and at.number]
