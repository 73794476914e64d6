"""Ways to close that look right and are not. Each has to be caught, or the checker proves nothing.

A bug replaces functions of the flow, or of the played closer, for the time of a test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.flow import closing, closure, closure_log, steps
from platform_assets.flow.closure import Held, Lost, Sealed
from platform_assets.flow.steps import Create, Unclear, Wait, Wrote, look, settle
from platform_assets_tests.simulators import closers, closing_checks
from platform_assets_tests.simulators.closing_world import Overwrite

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from platform_assets.flow.closure import Closer, ClosureOf
    from platform_assets.flow.steps import Steps

    Bug = Callable[[pytest.MonkeyPatch], None]


def _next_epoch(of: ClosureOf, epoch: int, standing: bytes, closer: Closer) -> Steps[int]:
    """Take over without VOID."""
    del of, standing, closer
    yield Wait(0)
    return epoch + 1


def skip_the_void(patch: pytest.MonkeyPatch) -> None:
    """The TTL is over, so the next epoch is claimed; nothing bars the owner of the last one."""
    patch.setattr(closure, "_take_over", _next_epoch)


def trust_the_ttl_alone(patch: pytest.MonkeyPatch) -> None:
    """A lease: no VOID, and an owner seals as long as its lease runs on its own clock."""
    claimed_at: dict[str, float] = {}
    claim = closing.claim

    def leased(of: ClosureOf, closer: Closer, patience: Any) -> Steps[Any]:
        held = yield from claim(of, closer, patience)
        claimed_at[closer.nonce] = yield Wait(0)
        return held

    def seal(of: ClosureOf, held: Held, envelope: bytes) -> Steps[Any]:
        now = yield Wait(0)
        if now - claimed_at[held.nonce] >= closers.PATIENCE.ttl_seconds:
            return Lost(held.epoch, "")
        return (yield from closure.seal(of, held, envelope))

    patch.setattr(closure, "_take_over", _next_epoch)
    patch.setattr(closing, "claim", leased)
    patch.setattr(closing, "seal", seal)


def look_and_then_seal(patch: pytest.MonkeyPatch) -> None:
    """No VOID; an owner looks whether the next epoch is claimed, and seals if it is not."""

    def seal(of: ClosureOf, held: Held, envelope: bytes) -> Steps[Any]:
        following = yield from look(of.claim_path(held.epoch + 1))
        if following is not None:
            return Lost(held.epoch, "")
        return (yield from closure.seal(of, held, envelope))

    patch.setattr(closure, "_take_over", _next_epoch)
    patch.setattr(closing, "seal", seal)


def seal_without_reading_back(patch: pytest.MonkeyPatch) -> None:
    """A seal that was sent is taken for a seal that stands."""

    def seal(of: ClosureOf, held: Held, envelope: bytes) -> Steps[Sealed]:
        yield Create(of.seal_path(held.epoch), envelope)
        return Sealed(held.epoch, envelope)

    patch.setattr(closing, "seal", seal)


def claim_without_reading_back(patch: pytest.MonkeyPatch) -> None:
    """A write without an answer is taken for one that succeeded, wherever it is."""

    def trusting(path: str, data: bytes) -> Steps[bytes]:
        yield Create(path, data)
        return data

    patch.setattr(closure, "settle", trusting)


def overwrite_what_is_taken(patch: pytest.MonkeyPatch) -> None:
    """On 409 or 412 the object is written over it: a plain put."""

    def overwriting(path: str, data: bytes) -> Steps[bytes]:
        wrote = yield Create(path, data)
        if wrote is not Wrote.CREATED:
            yield Overwrite(path, data)  # type: ignore[misc]  # no act of the protocol
        return data

    patch.setattr(closure, "settle", overwriting)


def append_before_the_seal(patch: pytest.MonkeyPatch) -> None:
    """The log is written first, so that no crash can leave a sealed run out of it."""

    def seal(of: ClosureOf, held: Held, envelope: bytes) -> Steps[Any]:
        yield from closers.logged(of, Sealed(held.epoch, envelope))
        return (yield from closure.seal(of, held, envelope))

    patch.setattr(closing, "seal", seal)


def take_any_seal_for_void(patch: pytest.MonkeyPatch) -> None:
    """An epoch that has ended is passed over, whatever ended it."""
    patch.setattr(closure, "is_void", lambda _of, _epoch, _seal: True)


def trust_the_evidence_unseen(patch: pytest.MonkeyPatch) -> None:
    """A file of the evidence that was sent is listed, whether it arrived or not."""

    def sent(path: str, data: bytes) -> Steps[None]:
        yield Create(path, data)

    patch.setattr(closers, "written", sent)


def one_evidence_for_all_epochs(patch: pytest.MonkeyPatch) -> None:
    """The evidence stands beside the run and not under the epoch: whoever comes second is stuck."""

    def path(of: ClosureOf, epoch: int, name: str) -> str:
        del epoch
        return f"runs/{of.run_id}/evidence/{name}"

    patch.setattr(closers, "evidence_path", path)
    patch.setattr(closing_checks, "evidence_path", path)


def append_without_searching(patch: pytest.MonkeyPatch) -> None:
    """A run without a copy of its entry is taken for one without an entry."""

    def length(of: Any, after: int) -> Steps[int | Unclear]:
        del of, after
        return (yield from closure_log.log_length())

    patch.setattr(closure_log, "_find", length)


def copy_before_the_entry(patch: pytest.MonkeyPatch) -> None:
    """The copy beside the seal is left first, and says of an entry that it stands."""
    append = closure_log.append

    def hasty(closed: Any, log: Any, **given: Any) -> Steps[Any]:
        length = yield from closure_log.log_length()
        if isinstance(length, int):
            yield from settle(closed.copy_path, b'{"index":%d}' % (length + 1))
        return (yield from append(closed, log, **given))

    patch.setattr(closure_log, "append", hasty)


def release_before_looking(patch: pytest.MonkeyPatch) -> None:
    """A seal without an answer is given up as VOID, and VOID is what the closer reports."""

    def seal(of: ClosureOf, held: Held, envelope: bytes) -> Steps[Any]:
        wrote = yield Create(of.seal_path(held.epoch), envelope)
        if wrote is Wrote.CREATED:
            return Sealed(held.epoch, envelope)
        void = of.record("void", held.epoch, held.nonce, by=held.nonce)
        yield steps.Create(of.seal_path(held.epoch), void)
        return Lost(held.epoch, held.nonce)

    patch.setattr(closing, "seal", seal)
    patch.setattr(closing, "find_seal", _nothing)


def _nothing(of: ClosureOf) -> Steps[None]:
    del of
    yield Wait(0)


BUGS: dict[str, Bug] = {
    bug.__name__: bug
    for bug in (
        skip_the_void,
        trust_the_ttl_alone,
        look_and_then_seal,
        seal_without_reading_back,
        claim_without_reading_back,
        overwrite_what_is_taken,
        append_before_the_seal,
        take_any_seal_for_void,
        trust_the_evidence_unseen,
        one_evidence_for_all_epochs,
        append_without_searching,
        copy_before_the_entry,
        release_before_looking,
    )
}
