"""Which runs of a feed are pinned, and which of them are open, read from the feed's log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.flow.places import place_of
from platform_assets.identifiers import RunId
from platform_assets.pipeline import layout
from platform_assets.pipeline.state import is_closed

if TYPE_CHECKING:
    from platform_assets.pipeline.platform import Platform


class Passed:
    """Up to which run of each feed's log something holds of all, that never ceases to hold.

    It is remembered within the process, because whoever asks every few seconds shall not ask for all of
    them. A log that was made anew in the same place is told by the last run's anchors.
    """

    def __init__(self) -> None:
        self._logs: dict[str, tuple[int, str | None]] = {}

    def through(self, platform: Platform, feed: str) -> int:
        """Return the sequence of the last of them; 0 where the log is not the remembered one."""
        last, version = self._logs.get(_log_of(platform, feed), (0, ""))
        return last if last and _anchors_version(platform, RunId(feed, last)) == version else 0

    def note(self, platform: Platform, feed: str, last: int) -> None:
        """Remember that it holds of all runs up to this sequence."""
        version = _anchors_version(platform, RunId(feed, last))
        self._logs[_log_of(platform, feed)] = (last, version)


_closed = Passed()


def open_runs(platform: Platform, feed: str, *, through: int | None = None) -> list[RunId]:
    """Return every run that is not closed, earliest first.

    How far a feed's runs are closed without an exception is remembered: closed runs stay closed.

    Args:
        platform: the opened home.
        feed: the feed's name.
        through: the last sequence that counts; None for all.
    """
    closed = _closed.through(platform, feed)
    later = runs(platform, feed, after=closed)
    every = [run for run in later if through is None or run.sequence <= through]
    found = [run for run in every if not is_closed(platform, run)]
    last = found[0].sequence - 1 if found else (every[-1].sequence if every else closed)
    if last > closed:
        _closed.note(platform, feed, last)
    return found


def _log_of(platform: Platform, feed: str) -> str:
    return f"{platform.store.identity} {layout.feed_log(feed)}"


def _anchors_version(platform: Platform, run: RunId) -> str | None:
    path = layout.anchors_path(run)
    return platform.store.stat(path).version if platform.store.exists(path) else None


def runs(platform: Platform, feed: str, *, after: int = 0) -> list[RunId]:
    """Return every pinned run of a declared feed, earliest first; a name that is no run's is none.

    Args:
        platform: the opened home.
        feed: the feed's name.
        after: only runs after this sequence count.
    """
    platform.feed(feed)
    paths = platform.store.list(layout.feed_log(feed))
    if after:
        passed = layout.anchors_path(RunId(feed, after))
        paths = [path for path in paths if path > passed]
    places = map(place_of, paths)
    return [RunId(feed, at.number) for at in places if at is not None and at.number]
