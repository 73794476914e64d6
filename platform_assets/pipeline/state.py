"""Whether a run is open or closed, told from its seal alone.

A run is closed when a seal stands that is not VOID, verifies, and names evidence that has exactly the
digest in the seal. A seal that does not verify closes nothing and opens nothing: it is a refusal.

A seal and its evidence that verified are remembered within the process, under the seal's own bytes, the
trusted keys, and the evidence's identity in the store (inode and times, or object version). So reading
a run again costs looking at its seal, and whatever is changed there is verified anew. What was not read
for a while is forgotten: a process that closes one run after the other does not collect their evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest_bytes
from platform_assets.contracts.records import check_record
from platform_assets.errors import (
    AnchorsUnproven,
    ClosureUnknown,
    EvidenceInconsistent,
    ObjectMissing,
    RecordInvalid,
    RecordNotCanonical,
    RunSealed,
)
from platform_assets.flow.closure import AlreadyClosed, ClosureOf, Unknown, find_seal
from platform_assets.flow.signing import CLOSURE, EVIDENCE, open_statement
from platform_assets.flow.steps import perform
from platform_assets.pipeline import layout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform
    from platform_assets.ports.signer import Trust

#: How many closed runs are remembered at most; the horizons of a few feeds fit in.
_REMEMBERED = 512
#: How long one is remembered that nobody reads.
_UNREAD_SECONDS = 30.0
_Key = tuple[str, str, bytes, frozenset[str]]
#: With the moment when each was read last, in the order of these moments.
_verified: dict[_Key, tuple[float, SealedRun]] = {}
_lock = Lock()


@dataclass(frozen=True, slots=True)
class SealedRun:
    """A closed run: its seal, and the evidence that the seal names."""

    epoch: int
    seal: bytes
    bundle_bytes: bytes
    bundle: dict[str, Any]

    @property
    def bundle_digest(self) -> str:
        """The digest of the evidence, as the seal names it."""
        return digest_bytes(self.bundle_bytes)


def closure_of(platform: Platform, run: RunId) -> ClosureOf:
    """Return where the run's claims, beats and seals stand, and what they name.

    Raises:
        RecordMissing: the run was never pinned.
        AnchorsUnproven: its anchors are damaged, so that nobody can tell whether it is closed.
    """
    try:
        config_digest = platform.anchors(run)["config_digest"]
    except (RecordInvalid, RecordNotCanonical) as error:
        raise AnchorsUnproven(
            f"anchors of {run}",
            expected=error.expected,
            found=error.found,
            remedy="The feed's log was changed. Restore it from a copy, or from exported evidence.",
        ) from error
    return ClosureOf(layout.closure_folder(run), str(run), config_digest)


def sealed_run(platform: Platform, run: RunId) -> SealedRun | None:
    """Return the run's closure, None where the run is open or was never pinned.

    Raises:
        GateRefusal, EvidenceInconsistent: a seal stands and does not verify.
        ClosureUnknown: the store does not say whether there is a seal.
    """
    if not platform.store.exists(layout.anchors_path(run)):
        return None
    found = perform(find_seal(closure_of(platform, run)), platform.store, platform.clock)
    if isinstance(found, Unknown):
        raise ClosureUnknown(
            f"closure of {run}",
            expected="to read whether the run is sealed",
            found=f"no answer for {found.path}",
            remedy="Look again when the store answers; delete nothing.",
        )
    return None if found is None else open_seal(platform, run, found)


def open_seal(platform: Platform, run: RunId, found: AlreadyClosed) -> SealedRun:
    """Verify a standing seal and the evidence that it names.

    Raises:
        GateRefusal, EvidenceInconsistent: they do not verify.
    """
    path = f"{layout.evidence_folder(run, found.epoch)}/bundle.json"
    trust = platform.trust
    try:
        version = platform.store.stat(path).version
        key = (f"{platform.store.identity} {path}", version, found.seal, trust.keyids())
        remembered = _recall(key)
        data = platform.store.read(path) if remembered is None else b""
    except ObjectMissing as error:
        raise _inconsistent(run, f"the evidence {path}", "nothing") from error
    if remembered is None:
        remembered = _verify_seal(trust, run, found, path, data)
        _remember(key, remembered)
    return remembered


def is_closed(platform: Platform, run: RunId) -> bool:
    """Tell whether the run is closed."""
    return sealed_run(platform, run) is not None


def sealed_bundle(platform: Platform, run: RunId) -> dict[str, Any] | None:
    """Return the evidence of a closed run, None where it is open."""
    sealed = sealed_run(platform, run)
    return None if sealed is None else sealed.bundle


def require_open(platform: Platform, run: RunId) -> None:
    """Refuse to write into a closed run.

    Raises:
        RunSealed: the run is closed.
    """
    if is_closed(platform, run):
        raise RunSealed(
            str(run),
            expected="an open run",
            found="a closed one, which does not change",
            remedy="Pin the next window; a correction is a new run over the same anchors: "
            f"platform-assets run {run.feed} --supersede {run} --reason TEXT",
        )


def _recall(key: _Key) -> SealedRun | None:
    with _lock:
        _, sealed = _verified.pop(key, (0.0, None))
        if sealed is not None:
            _verified[key] = monotonic(), sealed
        return sealed


def _remember(key: _Key, sealed: SealedRun) -> None:
    now = monotonic()
    with _lock:
        _verified[key] = now, sealed
        while len(_verified) > _REMEMBERED or _oldest_read() < now - _UNREAD_SECONDS:
            del _verified[next(iter(_verified))]


def _oldest_read() -> float:
    return next(iter(_verified.values()))[0]


def _verify_seal(
    trust: Trust, run: RunId, found: AlreadyClosed, path: str, data: bytes
) -> SealedRun:
    thing = f"seal of {run}"
    statement = open_statement(found.seal, trust, thing=thing, predicate_type=CLOSURE)
    seal = _record(run, statement.predicate, thing, "seal")
    named = (str(run), found.epoch, digest_bytes(data))
    if (seal["run_id"], seal["epoch"], seal["bundle_digest"]) != named:
        raise _inconsistent(
            run,
            f"a seal of {run}, epoch {found.epoch}, over evidence {digest_bytes(data)}",
            f"one of {seal['run_id']}, epoch {seal['epoch']}, over {seal['bundle_digest']}",
        )
    evidence = open_statement(data, trust, thing=path, predicate_type=EVIDENCE)
    bundle = _record(run, evidence.predicate, path, "bundle")
    if bundle["run_id"] != str(run):
        raise _inconsistent(run, f"evidence of {run}", f"evidence of {bundle['run_id']}")
    return SealedRun(found.epoch, found.seal, data, bundle)


def _record(run: RunId, predicate: Mapping[str, Any], thing: str, kind: str) -> dict[str, Any]:
    try:
        record: dict[str, Any] = check_record(dict(predicate), thing)
    except RecordInvalid as error:
        raise _inconsistent(run, f"{error.expected} as {thing}", error.found) from error
    if record["record"] != kind:
        raise _inconsistent(run, f"a record of kind {kind}", f"one of kind {record['record']}")
    return record


def _inconsistent(run: RunId, expected: str, found: str) -> EvidenceInconsistent:
    return EvidenceInconsistent(
        f"seal of {run}",
        expected=expected,
        found=found,
        remedy="The store was changed after closure. Restore it from exported evidence.",
    )
