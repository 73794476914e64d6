"""Verification of a lane's evidence, offline, from its files alone.

It reports every finding, not the first, and the evidence is good only when there is none. Then its
verdict is what follows from it, be that PASS, FAIL or NO_DATA:

1. The container is exactly what an export writes: no byte of it is outside what is checked.
2. The pin is one canonical, signed statement about the plan that it holds.
3. ``lane.json`` is one canonical statement about this pin, by the same key, of the same lane run.
4. Every listed file is there with its size and SHA-256, and no other file is.
5. Every ledger, list, sample and histogram is exactly as a lane writes it; the ledgers are of the
   pinned load; each closure verifies with the key that the pin names.
6. Every requirement, judged again, comes to the same words: pinned before the first event, judged by
   the pinned code, every run closed, checks as declared, events accounted for, truth intact.
7. Every threshold, judged again from the pinned plan and what was measured, comes to the same value and
   the same verdict, and so does the lane.

The verifier trusts the keys that it is given. With the evidence's own keys it proves only that the
evidence is whole and consistent, and the result says that the key is self-asserted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.key_files import KeyTrust, keyid_of
from platform_assets.canonical import digest_bytes, parse_rfc3339
from platform_assets.contracts.records import check_record
from platform_assets.errors import PlatformError, SettingsInvalid, VerificationFailed
from platform_assets.flow.signing import Subject, open_statement
from platform_assets.flow.verification import Finding
from platform_assets.lanes.evidence import LANE_EVIDENCE, lane_record
from platform_assets.lanes.evidence_files import LANE_FILE, PIN_FILE, key_path
from platform_assets.lanes.judging import judge_recorded
from platform_assets.lanes.pin import open_pin
from platform_assets.lanes.recorded import read_recorded
from platform_assets.lanes.requirements import Judging
from platform_assets.lanes.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from platform_assets.flow.signing import SignedStatement
    from platform_assets.flow.verification import BundleFiles
    from platform_assets.lanes.judging import JudgedLane
    from platform_assets.lanes.pin import Pin
    from platform_assets.ports.signer import Trust


@dataclass(frozen=True, slots=True)
class LaneVerification:
    """The result: every finding, and what the evidence says where it could be opened."""

    lane_run: str
    findings: tuple[Finding, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """True only where nothing was found wrong."""
        return not self.findings

    def require(self) -> LaneVerification:
        """Return the verification, if it is good.

        Raises:
            VerificationFailed: it is not; the error lists every finding.
        """
        if self.findings:
            raise VerificationFailed(
                f"evidence of {self.lane_run or 'an unknown lane'}",
                expected="evidence without any finding",
                found=[f"{f.where}: {f.problem}" for f in self.findings],
                remedy="Get the evidence from another copy; this one proves nothing.",
            )
        return self


def own_keys(files: BundleFiles) -> KeyTrust:
    """Trust the public keys in the evidence that are what their file names say."""
    found = []
    for path in files.paths():
        if path.startswith("keys/"):
            pem = files.read(path)
            try:
                sound = path == key_path(keyid_of(pem))
            except SettingsInvalid:
                sound = False  # its hash is not the listed one either, which is reported
            found += [(path, pem)] if sound else []
    return KeyTrust(found)


def verify_lane(files: BundleFiles, trust: Trust, *, self_asserted: bool) -> LaneVerification:
    """Verify the evidence of a lane under the trusted keys.

    Args:
        files: its files.
        trust: the keys whose signatures count.
        self_asserted: whether those keys came with the evidence.
    """
    findings = [Finding(where, problem) for where, problem in files.problems()]  # 1
    pin = _pin(files, trust, findings)  # 2
    lane = _lane(files, trust, findings)  # 3
    if lane is None:
        return LaneVerification("" if pin is None else pin.record["lane_run"], tuple(findings))
    said = lane.predicate
    findings += _listed(files, said)  # 4
    if pin is None:
        return LaneVerification(said["lane_run"], tuple(findings))
    findings += _of_one_lane(lane, pin)  # 3
    recorded = read_recorded(files, pin)
    findings += [Finding(*problem) for problem in recorded.problems]  # 5
    judging = Judging(parse_rfc3339(said["begun_at"]), said["code"], said["judge"])
    judged = judge_recorded(recorded, judging)
    findings += _judged_otherwise(said, judged)  # 6, 7
    return LaneVerification(
        said["lane_run"], tuple(findings), _facts(files, lane, judged, self_asserted=self_asserted)
    )


def _pin(files: BundleFiles, trust: Trust, findings: list[Finding]) -> Pin | None:
    if PIN_FILE not in files.paths():
        findings.append(Finding(PIN_FILE, "absent"))
        return None
    try:
        return open_pin(files.read(PIN_FILE), trust)
    except PlatformError as error:
        findings.append(_finding(PIN_FILE, error))
        return None


def _lane(files: BundleFiles, trust: Trust, findings: list[Finding]) -> SignedStatement | None:
    if LANE_FILE not in files.paths():
        findings.append(Finding(LANE_FILE, "absent"))
        return None
    data = files.read(LANE_FILE)
    try:
        lane = open_statement(data, trust, thing=LANE_FILE, predicate_type=LANE_EVIDENCE)
        check_record(dict(lane.predicate), LANE_FILE)
    except PlatformError as error:
        findings.append(_finding(LANE_FILE, error))
        return None
    if lane.predicate["record"] != "lane_evidence":
        findings.append(Finding(LANE_FILE, f"a record of kind {lane.predicate['record']}"))
        return None
    return lane


def _finding(path: str, error: PlatformError) -> Finding:
    return Finding(path, f"{error.code}: expected {error.expected}, found {error.found}")


def _listed(files: BundleFiles, said: Mapping[str, Any]) -> Iterator[Finding]:
    listed = {each["path"]: (each["size"], each["sha256"]) for each in said["files"]}
    if len(listed) != len(said["files"]) or LANE_FILE in listed:
        yield Finding(LANE_FILE, "lists a file twice, or itself")
    paths = set(files.paths()) - {LANE_FILE}
    for path in sorted(paths - set(listed)):
        yield Finding(path, "is not listed in the evidence")
    found = files.fingerprints(sorted(paths & set(listed)))
    for path, expected in listed.items():
        if path not in found:
            yield Finding(path, "absent")
        elif found[path] != expected:
            words = "{} bytes, sha256 {}"
            problem = f"expected {words.format(*expected)}, found {words.format(*found[path])}"
            yield Finding(path, problem)


def _of_one_lane(lane: SignedStatement, pin: Pin) -> Iterator[Finding]:
    said = lane.predicate
    if lane.subjects != (Subject(PIN_FILE, pin.digest),) or said["pin_digest"] != pin.digest:
        yield Finding(LANE_FILE, f"is about the pin {said['pin_digest']}, this is {pin.digest}")
    if lane.keyids != pin.keyids:
        yield Finding(LANE_FILE, f"is signed by {lane.keyids}, the pin by {pin.keyids}")
    pinned = {
        "lane_run": pin.record["lane_run"],
        "plan_digest": pin.record["plan_digest"],
        "lane": pin.plan.lane,
        "profile": pin.plan.profile,
    }
    for key, expected in pinned.items():
        if said[key] != expected:
            yield Finding(LANE_FILE, f"{key} {said[key]}, the pin has {expected}")
    if parse_rfc3339(said["ended_at"]) < parse_rfc3339(said["begun_at"]):
        yield Finding(LANE_FILE, f"ended at {said['ended_at']}, before it began")


def _judged_otherwise(said: Mapping[str, Any], judged: JudgedLane) -> Iterator[Finding]:
    again = lane_record(judged, said["files"], judged.judging.begun_at)
    for kind in ("requirements", "thresholds"):
        ours = {each["name"]: each for each in again[kind]}
        theirs = {each["name"]: each for each in said[kind]}
        for name in (*ours, *sorted(theirs.keys() - ours.keys())):
            if ours.get(name) != theirs.get(name):
                problem = f"says {theirs.get(name)}, it follows {ours.get(name)}"
                yield Finding(f"{LANE_FILE} {kind} {name}", problem)
    if any(said[key] != again[key] for key in ("requirements", "thresholds", "verdict")):
        yield Finding(LANE_FILE, f"the verdict is {said['verdict']}, it follows {again['verdict']}")


def _facts(
    files: BundleFiles, lane: SignedStatement, judged: JudgedLane, *, self_asserted: bool
) -> dict[str, Any]:
    said, recorded = lane.predicate, judged.recorded
    copied = ("lane", "profile", "verdict", "begun_at", "ended_at", "pin_digest", "plan_digest")
    return {
        **{key: said[key] for key in copied},
        "lane_digest": digest_bytes(files.read(LANE_FILE)),
        "signed_by": sorted(lane.keyids),
        "keys": "self-asserted" if self_asserted else "given",
        "files": len(said["files"]),
        "runs": len(recorded.runs),
        "closed": len(recorded.bundles),
        "sent": sum(ledger.sent for ledger in recorded.ledgers),
        "unmet": [each for each in said["requirements"] if not each["satisfied"]],
        "failing": [each for each in said["thresholds"] if each["verdict"] != Verdict.PASS],
    }
