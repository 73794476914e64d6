"""A worker that follows a feed: it takes windows as they are due and closes them, until told to stop.

1. What earlier closers did not come to do behind their seals is done, at the start and every minute.
2. Look: pin the windows that are due, as many as may be open, and see which open runs can proceed.
   Where that is refused, or a stream is out, those that are open go on all the same.
3. Take one run through every step to its closure, that first which others wait for.
4. Announce, where the feed says so.
5. Look again: at once where a run was closed, else after a second.

What stops one of these is told and tried again as `setbacks` says; whatever else can be done goes on. A
mistake in what is declared ends the worker.

The worker holds nothing of its own: what it did stands in the store. So it may be killed at any moment
and started again, and others may work in the same feed. A change in the home takes effect with the next
window, and what was refused before it is tried again then.
"""

from __future__ import annotations

from contextlib import closing, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from platform_assets.errors import PlatformError, is_outage
from platform_assets.flow.secret_scan import without_known
from platform_assets.pipeline.announce import announce
from platform_assets.pipeline.backpressure import ready_runs, take_turn
from platform_assets.pipeline.current_home import CurrentHome
from platform_assets.pipeline.followed import Followed
from platform_assets.pipeline.inspect import run_summary
from platform_assets.pipeline.mending import mend
from platform_assets.pipeline.pinned_runs import open_runs
from platform_assets.pipeline.precedence import first_of
from platform_assets.pipeline.run import finish
from platform_assets.pipeline.setbacks import Setbacks
from platform_assets.pipeline.state import is_closed
from platform_assets.pipeline.steps import noted
from platform_assets.ports.clock import Clock, SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.followed import Listener
    from platform_assets.pipeline.setbacks import Thing
    from platform_assets.pipeline.steps import StepUse
    from platform_assets.pipeline.stopping import Stop

MEND_SECONDS = 60.0


def follow(
    home: Path, feed: str, stop: Stop, listener: Listener, clock: Clock | None = None
) -> Followed:
    """Follow a feed until the stop is asked for, and return what was done.

    Args:
        home: the platform home.
        feed: the feed's name.
        stop: tells when to stop.
        listener: is told what happens.
        clock: by which the worker itself waits.

    Raises:
        ConfigurationError: the home, or what it declares, is mistaken, at the start or since.
    """
    with closing(CurrentHome(home, feed)) as opened:
        follower = _Follower(opened, feed, stop, listener, clock or SystemClock())
        follower.work()
        return follower.followed()


class _Follower:
    def __init__(
        self, home: CurrentHome, feed: str, stop: Stop, listener: Listener, clock: Clock
    ) -> None:
        self._home, self._feed, self._stop = home, feed, stop
        self._listener, self._clock = listener, clock
        self._platform = home.opened()
        self._changes = home.changes
        self._setbacks = Setbacks(listener, clock)
        self._followed = Followed(feed)
        self._mend_at = clock.monotonic()
        self._announce_due = True
        self._ready: Sequence[RunId] = ()
        self._untold: list[RunId] = []  # runs that were closed

    def work(self) -> None:
        """Work until the stop is asked for."""
        while not self._stop.asked:
            self._open()
            self._mend()  # 1
            self._look()  # 2
            closed = any(map(self._close, self._ready))  # 3: one of them
            self._tell_closed()
            self._announce()  # 4
            if self._setbacks.over():
                self._mend_at = self._clock.monotonic()
            if not closed:  # 5
                self._try("wait", partial(self._clock.sleep, self._setbacks.wait_seconds()))

    def followed(self) -> Followed:
        """Return what was done."""
        self._followed.outages = self._setbacks.outages
        self._followed.refused_runs = self._setbacks.refused_runs
        self._followed.refused = self._setbacks.refused()
        return self._followed

    def _open(self) -> None:
        self._platform = self._home.opened()
        if self._home.changes != self._changes:
            self._changes = self._home.changes
            self._announce_due = True
            self._setbacks.try_all()

    def _mend(self) -> None:
        now = self._clock.monotonic()
        act = partial(mend, self._platform, self._feed)
        if now >= self._mend_at and self._try(f"closed runs of {self._feed}", act):
            self._mend_at = now + MEND_SECONDS

    def _look(self) -> None:
        """Pin what is due, and note which runs can be taken up, and in what order."""
        feed, open_ones = f"feed {self._feed}", f"open runs of {self._feed}"
        self._ready = ()
        if self._try(feed, self._take_turn):
            self._setbacks.passed(open_ones)
        else:
            self._try(open_ones, self._look_at_open_runs)

    def _take_turn(self) -> None:
        turn = take_turn(self._platform, self._feed)
        with self._stop.held():
            for run in turn.pinned:
                self._listener.pinned(run, self._platform.anchors(run)["pinned_at"])
        self._note_ready(turn.open, turn.ready)

    def _look_at_open_runs(self) -> None:
        standing = open_runs(self._platform, self._feed)
        self._note_ready(standing, ready_runs(self._platform, standing))

    def _note_ready(self, standing: Sequence[RunId], ready: Sequence[RunId]) -> None:
        self._setbacks.keep(standing)
        if standing:
            first = first_of(self._platform, self._feed, standing)
            self._ready = (first, *(run for run in ready if run != first))

    def _close(self, run: RunId) -> bool:
        """Take a run to its closure; tell whether it came to it."""
        with noted() as used:
            steps = _Steps(used, self._stop, self._listener)
            closed = self._try(run, partial(finish, self._platform, run, steps))
        if self._stop.asked and not closed:
            with suppress(PlatformError):  # it was interrupted, perhaps behind its seal
                closed = is_closed(self._platform, run)
        if closed:
            self._untold.append(run)
            self._announce_due = True
        return closed

    def _tell_closed(self) -> None:
        """Tell of the runs that were closed. It is not interrupted: nobody else will tell."""
        while self._untold and self._tried("summary", partial(self._tell, self._untold[0])):
            self._untold.pop(0)

    def _tell(self, run: RunId) -> None:
        summary = run_summary(self._platform, run)
        self._followed.add(summary)
        self._listener.closed(summary)

    def _announce(self) -> None:
        thing = f"announcements of {self._feed}"
        if self._platform.feed(self._feed).announce is None:
            self._setbacks.passed(thing)
        elif self._announce_due:
            self._announce_due = not self._try(thing, partial(announce, self._platform, self._feed))

    def _try(self, thing: Thing, act: Callable[[], object]) -> bool:
        """Do something that may be interrupted; tell whether it was done."""

        def interruptibly() -> None:
            with self._stop.interrupting():
                act()

        return self._tried(thing, interruptibly)

    def _tried(self, thing: Thing, act: Callable[[], object]) -> bool:
        """Do something unless a setback stops it, and note what does; tell whether it was done."""
        if self._setbacks.stops(thing):
            return False
        try:
            act()
        except KeyboardInterrupt:
            if not self._stop.asked:
                raise
            return False
        except PlatformError as error:
            # a signal to the whole group ends the workers of a step too, which looks like an outage
            if not self._stop.asked:
                self._setbacks.note(thing, self._without_secrets(error))
            if is_outage(type(error)):
                self._home.renew()
            return False
        self._setbacks.passed(thing)
        return True

    def _without_secrets(self, error: PlatformError) -> PlatformError:
        """Return an error without secret values: what is told comes into files."""
        secrets: frozenset[str] = frozenset()
        with suppress(PlatformError):  # the first error is the one to tell
            secrets = self._platform.secret_values()
        if not secrets:
            return error
        found = [without_known(each, secrets) for each in error.findings]
        return type(error)(
            without_known(error.thing, secrets),
            expected=without_known(error.expected, secrets),
            found=found or without_known(error.found, secrets),
            remedy=without_known(error.remedy, secrets),
        )


class _Steps:
    """Tells of each step when it has ended, and lets none follow once the stop is asked for."""

    def __init__(self, used: list[StepUse], stop: Stop, listener: Listener) -> None:
        self._used, self._stop, self._listener = used, stop, listener

    @contextmanager
    def step(self, run: RunId, step: str, thing: str) -> Iterator[None]:
        """Last as long as the step; what it used is noted by its end."""
        del run, step, thing
        try:
            yield
        finally:
            with self._stop.held():
                while self._used:
                    self._listener.step(self._used.pop(0))
