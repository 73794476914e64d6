"""A whole run, step by step, each step convergent: starting again continues where it stopped.

An open run is finished before the next window is pinned. A failed check stops what reads the product
and the closure, not the other products: every certificate is issued before the run is refused.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from platform_assets.errors import CertificationFailed, GateRefusal, RunSealed
from platform_assets.flow.checks import Outcome
from platform_assets.pipeline.mending import mend
from platform_assets.pipeline.pin import pin
from platform_assets.pipeline.pinned_runs import open_runs
from platform_assets.pipeline.precedence import first_of
from platform_assets.pipeline.state import is_closed
from platform_assets.pipeline.steps import admit, build, certify, close, consume, land
from platform_assets.pipeline.waiting import at_once, taken

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from contextlib import AbstractContextManager

    from platform_assets.declarations import FeedDeclaration
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform
    from platform_assets.pipeline.waiting import Waits


class Progress(Protocol):
    """Is told when a step of a run begins and ends."""

    def step(self, run: RunId, step: str, thing: str) -> AbstractContextManager[object]:
        """Return a context that lasts as long as the step."""
        ...


class Silence:
    """Tells nobody."""

    def step(self, run: RunId, step: str, thing: str) -> AbstractContextManager[object]:
        """Return an empty context."""
        del run, step, thing
        return nullcontext()


def next_run(platform: Platform, feed: str, *, beside: Collection[RunId] = ()) -> RunId | None:
    """Return the open run to finish, else pin the next window; None when the feed is caught up.

    Runs that are under way already are named by ``beside``; they are passed over.

    Of several open ones one is first that waits for none of the others. What a closer could not
    do any more behind its seal is done before: a closed run is brought into the log, and a record
    beside the run that it corrects says so.
    """
    mend(platform, feed)
    standing = [run for run in open_runs(platform, feed) if run not in beside]
    if standing:
        return first_of(platform, feed, standing)
    return pin(platform, feed)


def open_run(platform: Platform, feed: str) -> RunId | None:
    """Return the open run that is finished first."""
    standing = open_runs(platform, feed)
    return first_of(platform, feed, standing) if standing else None


def caught_up(platform: Platform, feed: str, progress: Progress) -> Iterator[dict[str, Any]]:
    """Close window after window until there is nothing new; yields each closed run."""
    while (run := next_run(platform, feed)) is not None:
        yield finish(platform, run, progress)


def finish(
    platform: Platform, run: RunId, progress: Progress | None = None, waits: Waits = at_once
) -> dict[str, Any]:
    """Take a pinned run through every step to its closure, and return the closure.

    Args:
        platform: the opened home.
        run: the run.
        progress: is told of each step.
        waits: is called where a step has to wait for another run. It returns when the step shall be
            tried again, or raises the error. Without it nothing waits.

    Raises:
        CertificationFailed: checks failed; all certificates are issued, consumers of what failed are
            blocked, and nothing is closed.
        ClosureRefused: a requirement of the closure is not met.
        PredecessorOpen: another run has to be settled or closed first.
    """
    acting = _Acting(progress or Silence(), waits)
    declaration = platform.run_configuration(run).declaration
    try:
        if not is_closed(platform, run):
            _steps(platform, run, declaration, acting)
    except RunSealed:
        pass  # another process was faster, and what it closed is adopted
    return acting.act(close, platform, run)


class _Acting:
    """Takes steps, tells of them, and waits where one has to."""

    def __init__(self, progress: Progress, waits: Waits) -> None:
        self._progress = progress
        self._waits = waits

    def act(
        self, step: Callable[..., dict[str, Any]], platform: Platform, run: RunId, *of: str
    ) -> dict[str, Any]:
        """Take a step and return its record."""
        with self._progress.step(run, step.__name__, " ".join(of) or str(run)):
            return taken(step, self._waits, platform, run, *of)


def _steps(platform: Platform, run: RunId, declaration: FeedDeclaration, progress: _Acting) -> None:
    for stream in declaration.streams:
        progress.act(land, platform, run, stream)
        progress.act(admit, platform, run, stream)
    for product in declaration.products:
        progress.act(build, platform, run, product)
    _certified(platform, run, list(declaration.products), list(declaration.consumers), progress)


def _certified(
    platform: Platform, run: RunId, products: list[str], consumers: list[str], progress: _Acting
) -> None:
    failures: dict[str, str] = {}
    for product in products:
        try:
            _note_failures(failures, progress.act(certify, platform, run, product))
        except GateRefusal as error:
            failures[product] = f"{error.code}: {error.found}"
    for consumer in consumers:
        try:
            progress.act(consume, platform, run, consumer)
        except GateRefusal as error:
            failures[consumer] = f"blocked by {error.code} ({error.thing})"
            continue
        _note_failures(failures, progress.act(certify, platform, run, consumer))
    if failures:
        raise CertificationFailed(
            str(run),
            expected="every product and consumer certified PASS",
            found=[f"{name}: {why}" for name, why in failures.items()],
            remedy=f"Look at the checks: platform-assets show {run}. Mend the cause, then "
            "materialize and certify the product, or continue: platform-assets run "
            f"{run.feed}.",
        )


def _note_failures(failures: dict[str, str], certificate: dict[str, Any]) -> None:
    failed = [_told(check) for check in certificate["checks"] if check["outcome"] != "PASS"]
    if certificate["verdict"] != "PASS":
        failures[certificate["product"]] = ", ".join(failed) or "no check was observed"


def _told(check: Mapping[str, str]) -> str:
    """Return what a check saw; of one that saw nothing, what stopped it."""
    if check["outcome"] == Outcome.ERROR:
        return f"{check['name']}: {check['observed']}: {check['detail']}"
    return f"{check['name']} observed {check['observed']}, expected {check['expected']}"
