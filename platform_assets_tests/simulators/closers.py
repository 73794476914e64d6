"""What one simulated closer does, from its first look to the log, as the pipeline does it.

The order of the acts is the flow's own (`closing`), and so are claim, beat, seal and append. Only steps
5 and 6 are played: a few files and a bundle that lists them, written under the epoch in the way of the
pipeline (create; after an error read back; refuse what differs), with signs of life in between.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_assets.flow import closing, closure, closure_log
from platform_assets.flow.checkpoint import LogSigner
from platform_assets.flow.closure import (
    AlreadyClosed,
    Closer,
    ClosureOf,
    Held,
    Lost,
    Patience,
    Sealed,
)
from platform_assets.flow.steps import Create, Read, Unclear, Wrote, look

if TYPE_CHECKING:
    from platform_assets.flow.closing import Ended
    from platform_assets.flow.steps import Steps

PATIENCE = Patience(ttl_seconds=2, poll_seconds=1, give_up_seconds=60)
FILES = ("key.pem", "provenance.json", "report.html")


class Refused(Exception):
    """A requirement is not met."""


class WriteFailed(Exception):
    """A file of the evidence is not there as it was written, or nobody knows."""


class DamagedLog(Exception):
    """The log is found to be other than its checkpoints say: that may never be seen."""


class BrokenClosure(Exception):
    """A seal stands whose evidence does not: that may never be seen."""


class PlayedSigner:
    """Signs with a hash: what is at stake here is which bytes are signed, not who could forge them."""

    public_key = bytes(32)

    def sign(self, data: bytes) -> bytes:
        return hashlib.sha512(data).digest()


LOG = LogSigner("simulated.log", PlayedSigner())


@dataclass(frozen=True, slots=True)
class Said:
    """The closer says CLOSED, and names the bundle."""

    digest: str


@dataclass(frozen=True, slots=True)
class Manner:
    """After which files a closer shows life, and whether it finds the run ready to be closed."""

    beats: tuple[bool, ...] = (True, False, False)
    ready: bool = True


def closure_of(run: int) -> ClosureOf:
    """Return the closure of the n-th run."""
    run_id = f"payments-{run:08d}"
    return ClosureOf(f"runs/{run_id}/closure", run_id, "sha256:" + "c" * 64)


CLOSURE = closure_of(1)


def digest_of(data: bytes) -> str:
    """Return the digest as records name it."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def evidence_path(of: ClosureOf, epoch: int, name: str) -> str:
    """Return the path of a file of the evidence."""
    return f"runs/{of.run_id}/evidence/{epoch:04d}/{name}"


def seal_of(held: Held, bundle: bytes = b"") -> bytes:
    """Return a seal; in the pipeline it is signed."""
    named = {
        "record": "seal",
        "epoch": held.epoch,
        "nonce": held.nonce,
        "bundle": digest_of(bundle),
    }
    return json.dumps(named).encode()


def close(
    number: int, run: int = 1, manner: Manner = Manner(), patience: Patience = PATIENCE
) -> Steps[Said | Ended]:
    """Close a run as the ``number``-th closer of the world."""
    of = closure_of(run)
    closer = Closer(f"{number:032x}", f"closer {number}", "2026-01-01T00:00:00.000000Z")
    ended: Ended | None = yield from closure.find_seal(of)
    if ended is None:
        ended = yield from closing.closing(
            of, closer, patience, lambda held: prepared(of, held, manner)
        )
    if isinstance(ended, Sealed | AlreadyClosed):
        return (yield from logged(of, ended))
    return ended


def prepared(of: ClosureOf, held: Held, manner: Manner) -> Steps[bytes | AlreadyClosed | Lost]:
    """Judge the run, write the evidence under the epoch, and return the seal."""
    if not manner.ready:
        raise Refused
    files, beating = {}, held
    for name, alive in zip(FILES, manner.beats, strict=True):
        path, data = evidence_path(of, held.epoch, name), f"{name} by {held.nonce}".encode()
        yield from written(path, data)
        files[path] = digest_of(data)
        found = (yield from closure.beat(of, beating)) if alive else beating
        if isinstance(found, AlreadyClosed | Lost):
            return found
        beating = found if isinstance(found, Held) else beating
    path, length = (
        evidence_path(of, held.epoch, "bundle.json"),
        (yield from closure_log.log_length()),
    )
    if isinstance(length, Unclear):
        raise WriteFailed(path)
    bundle = {"epoch": held.epoch, "nonce": held.nonce, "files": files, "log": length}
    data = json.dumps(bundle).encode()
    yield from written(path, data)
    return seal_of(held, data)


def written(path: str, data: bytes) -> Steps[None]:
    """Write a file of the evidence, as ``write_bytes`` of the pipeline does."""
    wrote: Wrote = yield Create(path, data)
    if wrote is not Wrote.CREATED:
        standing: bytes | Unclear | None = yield Read(path)
        if standing != data:
            raise WriteFailed(path)


def logged(of: ClosureOf, ended: Sealed | AlreadyClosed) -> Steps[Said | Ended]:
    """Verify the standing seal by its evidence, bring the run into the log, and say CLOSED."""
    path = evidence_path(of, ended.epoch, "bundle.json")
    bundle = yield from look(path)
    if isinstance(bundle, Unclear):
        return closure.Unknown(path)
    digest = json.loads(ended.seal)["bundle"]
    if bundle is None or digest_of(bundle) != digest:
        raise BrokenClosure(path)
    closed = closure_log.Closed(of.run_id, of.config_digest, digest, of.folder)
    entered = yield from closure_log.append(closed, LOG, after=json.loads(bundle)["log"])
    if isinstance(entered, closure_log.Damaged):
        raise DamagedLog(entered.problem)
    return Said(digest)
