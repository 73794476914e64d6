"""The pin of a lane: its plan, signed and written once, before the first event.

What a lane will be judged by stands here, and nothing else is used: the plan with every threshold, the
code and the sources that will judge, the machine, the configuration of the feed under load and the
policy of each of its outputs as the home in use declares them, and the key that closes the lane's runs.

Ids of events begin with digits of the digest of exactly these bytes, which hold a number that nobody
could know before. So no event can have been made before its plan was pinned, and a plan that was edited
has other events.
"""

from __future__ import annotations

import hashlib
import os
import platform as machine
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from platform_assets.adapters.local_store import LocalStore
from platform_assets.canonical import canonical_bytes, digest, digest_bytes, rfc3339
from platform_assets.contracts.records import check_record
from platform_assets.declarations.loading import load_feeds
from platform_assets.errors import RecordConflict, RecordInvalid
from platform_assets.flow.envelope import parse_object, unverified_predicate
from platform_assets.flow.policy import policy_digest, policy_of
from platform_assets.flow.signing import Statement, Subject, open_statement, sign_statement
from platform_assets.installed import version_of
from platform_assets.lanes.evidence_files import PIN_FILE, key_path
from platform_assets.lanes.feed import FEED, feed_folder
from platform_assets.lanes.plan import LanePlan
from platform_assets.pipeline.records import write_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from platform_assets.identifiers import LaneRunId
    from platform_assets.pipeline import Platform
    from platform_assets.ports.signer import Trust

LANE_PIN = "urn:platform-assets:lane-pin:v1"
PLAN = "plan"
_PREFIX_DIGITS = 12
_NONCE_BYTES = 8
#: What the verdict is computed by, beside the libraries.
JUDGING = (
    "coverage",
    "derived",
    "drains",
    "draws",
    "evidence_files",
    "histograms",
    "judging",
    "ledger",
    "measured",
    "measured_files",
    "metrics",
    "pin",
    "plan",
    "recorded",
    "requirements",
    "schedule",
    "sealed_runs",
    "statistics",
    "trend",
    "verdict",
    "windows",
    "workload",
)
_LIBRARIES = (
    "confluent-kafka",
    "dagster",
    "duckdb",
    "hdrhistogram",
    "numpy",
    "obstore",
    "polars",
    "pyarrow",
    "scipy",
)


@dataclass(frozen=True, slots=True)
class Pin:
    """A pin: what it says, its signed bytes, the plan in it, and who is proven to have signed it."""

    record: Mapping[str, Any]
    bytes: bytes
    plan: LanePlan
    keyids: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """The digest of the signed bytes."""
        return digest_bytes(self.bytes)

    @property
    def prefix(self) -> str:
        """What the ids of the lane's events begin with."""
        return self.digest.removeprefix("sha256:")[:_PREFIX_DIGITS]


def make_pin(
    plan: LanePlan, lane_run: LaneRunId, platform: Platform, lane: Platform, now: datetime
) -> Pin:
    """Make the pin of a lane; nothing is written.

    Args:
        plan: the resolved plan.
        lane_run: the lane run.
        platform: the home in use, whose key signs.
        lane: the lane's own home.
        now: the moment.
    """
    feed = plan.target.feed
    record = {
        "record": "lane_pin",
        "version": 1,
        "lane_run": str(lane_run),
        "plan": plan.record(),
        "plan_digest": plan.digest,
        "nonce": secrets.token_hex(_NONCE_BYTES),
        "code": platform.code(),
        "judge": judge_digest(),
        "environment": environment(),
        "config_digest": lane.configuration(feed)[0],
        "policies": declared_policies(platform, feed),
        "keyid": lane.signer.keyid,
        "pinned_at": rfc3339(now),
    }
    check_record(record, PIN_FILE)
    statement = Statement(LANE_PIN, (Subject(PLAN, plan.digest),), record)
    signed = sign_statement(platform.signer, statement)
    return Pin(record, signed, plan, (platform.signer.keyid,))


def write_pin(folder: Path, pin: Pin, platform: Platform, lane: Platform) -> None:
    """Write the pin of a lane, and the public keys that its evidence is verified with.

    Raises:
        RecordConflict: another pin stands there; a lane run has one.
        StoreUnwritable: the disk does not take it.
    """
    store = LocalStore(folder)
    if store.exists(PIN_FILE):
        raise RecordConflict(
            f"{folder / PIN_FILE}",
            expected="no pin: a lane run is pinned once",
            found=f"one, of digest {digest_bytes(store.read(PIN_FILE))}",
            remedy="Begin another run of the lane; what is pinned does not change.",
        )
    for signer in (platform.signer, lane.signer):
        write_bytes(store, key_path(signer.keyid), signer.public_key_pem)
    write_bytes(store, PIN_FILE, pin.bytes)


def open_pin(data: bytes, trust: Trust) -> Pin:
    """Open a pin.

    Raises:
        GateRefusal: it is no signed pin, or no trusted key signed it.
        RecordInvalid: it is no valid record, or holds no plan, or another one than it says.
    """
    statement = open_statement(data, trust, thing=PIN_FILE, predicate_type=LANE_PIN)
    pin = replace(_pin(statement.predicate, data), keyids=statement.keyids)
    if statement.subjects != (Subject(PLAN, pin.record["plan_digest"]),):
        raise _invalid(f"a statement about the plan {pin.record['plan_digest']}", "another one")
    return pin


def unverified_pin(data: bytes) -> Pin:
    """Return what a pin claims, without any proof; nothing that verifies may rely on it.

    Raises:
        CertificateInvalid, RecordInvalid: it is none.
    """
    return _pin(unverified_predicate(parse_object(data, PIN_FILE)), data)


def _pin(predicate: Mapping[str, Any], data: bytes) -> Pin:
    record = check_record(dict(predicate), PIN_FILE)
    if record["record"] != "lane_pin":
        raise _invalid("a record of kind lane_pin", f"one of kind {record['record']}")
    if digest(record["plan"]) != record["plan_digest"]:
        raise _invalid(f"the plan {record['plan_digest']}", f"{digest(record['plan'])}")
    try:
        return Pin(record, data, LanePlan.model_validate(record["plan"]))
    except ValidationError as error:
        raise _invalid("a plan that this release can judge", f"{error}") from error


def _invalid(expected: str, found: str) -> RecordInvalid:
    return RecordInvalid(
        PIN_FILE,
        expected=expected,
        found=found,
        remedy="Restore the file from a copy of the evidence, or use the release that wrote it.",
    )


def declared_policies(platform: Platform, feed: str) -> dict[str, str]:
    """Return output -> digest of its policy, as a feed is declared in the home in use, or ships."""
    declared = platform.feeds.get(feed) or load_feeds(feed_folder())[FEED][0]
    return {
        name: policy_digest(policy_of(name, output.checks))
        for name, output in declared.outputs().items()
    }


def judge_digest() -> str:
    """Return the digest of the sources that judge: what runs is not always what was committed."""
    folder = Path(__file__).parent
    sources = {
        name: hashlib.sha256((folder / f"{name}.py").read_bytes()).hexdigest() for name in JUDGING
    }
    return digest_bytes(canonical_bytes(sources))


def environment() -> dict[str, str | int]:
    """Return what the lane runs on: cores, memory in bytes, kernel, versions."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": f"{machine.system()} {machine.release()}",
        "machine": machine.machine(),
        "python": machine.python_version(),
        **{name.replace("-", "_"): version_of(name) for name in _LIBRARIES},
    }
