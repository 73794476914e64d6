"""The evidence of a lane, sealed: one signed statement that lists every file by size and SHA-256.

``lane.json`` is a statement over the pin. It holds the verdict, every requirement and every threshold
as it was judged, under which code, and the list of all other files; all of it follows from these files,
so that a verifier can judge again. It is written last, once, and nothing is added after it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.bundle_files import DirectoryBundle
from platform_assets.adapters.local_store import LocalStore
from platform_assets.canonical import rfc3339
from platform_assets.contracts.records import check_record
from platform_assets.errors import SecretFound
from platform_assets.flow.requirements_of_secrets import secret_problems
from platform_assets.flow.secret_scan import every_spelling, spelled_in
from platform_assets.flow.signing import Statement, Subject, sign_statement
from platform_assets.lanes.evidence_files import LANE_FILE, PIN_FILE
from platform_assets.lanes.measured_files import HISTOGRAMS_FOLDER, SAMPLES_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from platform_assets.flow.verification import BundleFiles
    from platform_assets.lanes.judging import JudgedLane
    from platform_assets.ports.signer import Signer

LANE_EVIDENCE = "urn:platform-assets:lane-evidence:v1"


def lane_record(
    judged: JudgedLane, files: Sequence[Mapping[str, Any]], ended_at: datetime
) -> dict[str, Any]:
    """Return what is signed of a judged lane."""
    pin, plan, judging = judged.recorded.pin, judged.recorded.plan, judged.judging
    return {
        "record": "lane_evidence",
        "version": 1,
        "lane_run": pin.record["lane_run"],
        "lane": plan.lane,
        "profile": plan.profile,
        "pin_digest": pin.digest,
        "plan_digest": pin.record["plan_digest"],
        "begun_at": rfc3339(judging.begun_at),
        "ended_at": rfc3339(ended_at),
        "code": dict(judging.code),
        "judge": judging.judge,
        "requirements": [requirement.as_json() for requirement in judged.requirements],
        # by name: in a signed plan they have no other order
        "thresholds": sorted(
            (threshold.as_json() for threshold in judged.judgement.thresholds),
            key=lambda threshold: str(threshold["name"]),
        ),
        "verdict": str(judged.verdict),
        "files": list(files),
    }


def seal_lane(
    folder: Path,
    judged: JudgedLane,
    signer: Signer,
    *,
    ended_at: datetime,
    secrets: Iterable[str] = (),
) -> dict[str, Any]:
    """Seal the evidence of a lane in its folder, and return what was signed.

    Args:
        folder: all of the evidence, the report too, but for `LANE_FILE`.
        judged: the verdict (see `judging.judge_lane`).
        signer: the key of the home in use, which signed the pin.
        ended_at: the moment.
        secrets: values that must not leave the home.

    Raises:
        SecretFound: a file holds a secret; the error says which, never the value.
        AlreadyExists: the lane is sealed.
        StoreUnwritable: the disk does not take it.
    """
    files = DirectoryBundle(folder)
    if files.problems():
        raise RuntimeError(f"a lane wrote what is no evidence: {files.problems()}")
    _require_no_secret(files, secrets)
    _make_durable(folder, files.paths())
    listed = [
        {"path": path, "size": size, "sha256": sha256}
        for path, (size, sha256) in sorted(files.fingerprints(files.paths()).items())
    ]
    record = check_record(lane_record(judged, listed, ended_at), LANE_FILE)
    subject = Subject(PIN_FILE, judged.recorded.pin.digest)
    signed = sign_statement(signer, Statement(LANE_EVIDENCE, (subject,), record))
    LocalStore(folder).create(LANE_FILE, signed)
    return dict(record)


def _require_no_secret(files: BundleFiles, secrets: Iterable[str]) -> None:
    """Search for known values everywhere, and for the forms of keys where people's texts stand."""
    spelled = every_spelling(secrets)
    texts = {}
    problems = []
    for path in files.paths():
        data = files.read(path)
        if spelled_in(data, spelled):
            problems.append(f"{path} holds a known secret value")
        if path != SAMPLES_FILE and not path.startswith(f"{HISTOGRAMS_FOLDER}/"):
            texts[path] = data
    problems += secret_problems(texts)
    if problems:
        raise SecretFound(
            "evidence of the lane",
            expected="evidence that holds no secret",
            found=problems,
            remedy="Find where it comes from: a command of a service, an address, a name. Mend that, "
            "or rotate the secret, then call the lane again.",
        )


def _make_durable(folder: Path, paths: Iterable[str]) -> None:
    for path in paths:
        with (folder / path).open("rb") as file:
            os.fsync(file.fileno())
