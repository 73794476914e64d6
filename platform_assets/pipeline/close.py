"""Closing a run: claim it, judge every requirement, write the evidence, seal it.

The steps are those of `platform_assets.flow.closure`, in the order of `platform_assets.flow.closing`:

1 to 4. Claim the run, or adopt the seal that stands.
5. Judge every requirement, over the run's records and over the stored parts; all are reported.
6. Write report, provenance, public keys and the signed bundle under the claim's epoch.
7. Create the seal: the one act that closes the run.
8. Append to the log of closures, and record beside a run that this one corrects that it is superseded;
   whoever looks next does it if this one cannot.

A closure that is refused or fails gives its claim up, so that the next attempt need not wait. It need
not either for one that died on this machine.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import rfc3339
from platform_assets.errors import ClaimHeld, ClosureRefused, ClosureUnknown
from platform_assets.flow.closing import closing
from platform_assets.flow.closure import (
    AlreadyClosed,
    Closer,
    Held,
    Lost,
    Patience,
    Sealed,
    Unknown,
)
from platform_assets.flow.closure_log import Damaged, Logged
from platform_assets.flow.evidence import bundle_predicate, bundle_statement, seal_statement
from platform_assets.flow.places import place_of
from platform_assets.flow.requirements import evaluate, unmet
from platform_assets.flow.signing import sign_statement
from platform_assets.flow.steps import perform
from platform_assets.pipeline import layout
from platform_assets.pipeline.closers import attempting, is_gone, owner
from platform_assets.pipeline.closure_log import enter, is_logged, log_of_evidence
from platform_assets.pipeline.consulted import require_consulted_closed
from platform_assets.pipeline.evidence import (
    require_no_secret,
    run_records,
    stored_problems,
    write_evidence,
)
from platform_assets.pipeline.heartbeat import Heartbeat
from platform_assets.pipeline.records import write_bytes
from platform_assets.pipeline.state import SealedRun, closure_of, open_seal, sealed_run
from platform_assets.pipeline.supersession import record_supersession

if TYPE_CHECKING:
    from platform_assets.flow.closing import Ended
    from platform_assets.flow.closure import ClosureOf
    from platform_assets.flow.requirements import Requirement
    from platform_assets.flow.run_records import RunRecords
    from platform_assets.flow.steps import Steps
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform

_POLL_SECONDS = 0.2
_TTLS_TO_WAIT = 3


def close(platform: Platform, run: RunId) -> dict[str, Any]:
    """Close a run, or adopt the closure that stands, and return it.

    Returns:
        ``run_id``, ``verdict`` (CLOSED), ``epoch``, ``bundle_digest``, ``report`` (a local file),
        ``log_index`` (None where the log could not take it now), ``log_problem`` (what is wrong with
        the log, if anything), ``already_closed`` (whether it was closed before).

    Raises:
        PredecessorOpen: a run beside which this one went, and which counted for it, is not closed.
        ClosureRefused: requirements are not met; the error lists all of them.
        ClaimHeld: another closer holds the run and is alive.
        ClosureUnknown: the store did not say whether the seal was written.
    """
    standing = sealed_run(platform, run)
    if standing is not None:
        return _closed(platform, run, standing, already=True)
    require_consulted_closed(platform, run)
    closure = closure_of(platform, run)
    closer = _closer(platform)
    steps = closing(
        closure,
        closer,
        _patience(platform),
        lambda held: _prepared(platform, run, closure, held),
    )
    with attempting(closer.nonce):
        ended = perform(steps, platform.store, platform.clock)  # 1 to 7
    return _settled(platform, run, ended)


def mend_log(platform: Platform, run: RunId) -> None:
    """Bring a closed run into the log, if its closer ended between seal and log."""
    if not is_logged(platform, run):
        close(platform, run)


def _prepared(
    platform: Platform, run: RunId, closure: ClosureOf, held: Held
) -> Steps[bytes | AlreadyClosed | Lost]:
    """Prepare the seal while a heartbeat shows life, and return it, or how the claim was lost."""
    yield from ()  # its acts are no steps of the protocol: whatever they leave, the seal decides
    ttl = platform.settings.claim_ttl_seconds
    with Heartbeat(platform.store, platform.clock, closure, held, ttl_seconds=ttl) as heart:
        envelope = _prepare(platform, run, held)
    lost = heart.outcome
    return lost if isinstance(lost, AlreadyClosed | Lost) else envelope


def _prepare(platform: Platform, run: RunId, held: Held) -> bytes:
    """Judge the run, write its evidence and return the seal's envelope."""
    records = run_records(platform, run, held)
    requirements = evaluate(records)  # 5
    open_points = unmet([*requirements, *stored_problems(platform, run, records)])
    if open_points:
        raise _refused(run, open_points)
    envelope = _evidence(platform, run, records, requirements)  # 6
    # What a process that died had just created may be there and not be durable; the seal names it.
    settlements = {path.rpartition("/")[0] for path in records.documents if _is_settlement(path)}
    anchors = layout.anchors_path(run).rpartition("/")[0]
    for folder in (layout.run_folder(run), anchors, *sorted(settlements)):
        platform.store.make_durable(folder)
    return envelope


def _is_settlement(path: str) -> bool:
    place = place_of(path)
    return place is not None and place.kind == "settlement"


def _evidence(
    platform: Platform, run: RunId, records: RunRecords, requirements: list[Requirement]
) -> bytes:
    """Write everything under the epoch and return the seal's envelope."""
    closed_at = rfc3339(platform.clock.now())
    written = write_evidence(platform, run, records, requirements, closed_at)
    predicate = bundle_predicate(
        records,
        requirements,
        written.files,
        closed_at=closed_at,
        code=platform.code(),
        keys=written.keyids,
        log=log_of_evidence(platform),
    )
    bundle = sign_statement(platform.signer, bundle_statement(predicate, records))
    folder = layout.evidence_folder(run, records.epoch)
    require_no_secret(records, {f"{folder}/bundle.json": bundle})
    write_bytes(platform.store, f"{folder}/bundle.json", bundle)
    sealed_at = rfc3339(platform.clock.now())
    return sign_statement(platform.signer, seal_statement(predicate, bundle, sealed_at))


def _closed(platform: Platform, run: RunId, sealed: SealedRun, *, already: bool) -> dict[str, Any]:
    if already:  # before anyone is told: the seal may be there and its creator have died at once
        platform.store.make_durable(layout.closure_folder(run))
    logged = enter(platform, run, sealed)  # 8
    record_supersession(platform, run, sealed)
    report = f"{layout.evidence_folder(run, sealed.epoch)}/report.html"
    return {
        "run_id": str(run),
        "verdict": "CLOSED",
        "epoch": sealed.epoch,
        "bundle_digest": sealed.bundle_digest,
        "log_index": logged.index if isinstance(logged, Logged) else None,
        "log_problem": logged.problem if isinstance(logged, Damaged) else None,
        "report": str(platform.store.local_path(report)),
        "already_closed": already,
    }


def _settled(platform: Platform, run: RunId, outcome: Ended) -> dict[str, Any]:
    """Enter a sealed run into the log, adopt a seal that stands, or say that nothing is known."""
    match outcome:
        case Sealed(epoch, seal):
            sealed = open_seal(platform, run, AlreadyClosed(epoch, seal))
            return _closed(platform, run, sealed, already=False)
        case AlreadyClosed():
            return _closed(platform, run, open_seal(platform, run, outcome), already=True)
        case Lost(epoch, owner):
            raise ClaimHeld(
                f"closure of {run}",
                expected="a run that nobody else is closing",
                found=f"epoch {epoch} held by {owner or 'another closer'}",
                remedy=f"Wait for it, then look: platform-assets close {run}. A closer that died is "
                "replaced after its time to live.",
            )
        case Unknown(path):
            raise ClosureUnknown(
                f"closure of {run}",
                expected=f"the store to say what stands at {path}",
                found="no clear answer",
                remedy="Look again when the store answers, and delete nothing: platform-assets "
                f"close {run}",
            )


def _refused(run: RunId, open_points: list[Requirement]) -> ClosureRefused:
    return ClosureRefused(
        str(run),
        expected="every requirement of the closure met",
        found=[f"{point.name}: {point.detail}" for point in open_points],
        remedy=f"Look at the run: platform-assets show {run}. Mend the causes, then close it again: "
        f"platform-assets close {run}",
    )


def _closer(platform: Platform) -> Closer:
    return Closer(
        nonce=secrets.token_hex(16),
        owner=owner(),
        claimed_at=rfc3339(platform.clock.now()),
    )


def _patience(platform: Platform) -> Patience:
    ttl = platform.settings.claim_ttl_seconds
    return Patience(
        ttl_seconds=ttl,
        poll_seconds=_POLL_SECONDS,
        give_up_seconds=ttl * _TTLS_TO_WAIT,
        is_gone=is_gone,
    )
