"""Writes evidence-vN.tar, evidence that every later release has to verify and replay, with its keys.

The run is the second of the payments example in windows of 150 records: it continues a run, has a
duplicate and a quarantined record, consults the certified rows of the run before it, and has two
consumers whose functions stand in this package. Beside the archive stand the signer's public key and a
checkpoint of the closure log from a later moment, with the proof that the log continues. What the
archive says is put into evidence.json.

Run it as ``python make_evidence_archive.py`` when the form of evidence changes, after raising
``VERSION``; an archive that was released is never written again.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

from platform_assets.examples.home import create_home
from platform_assets.pipeline import Platform, export_run, finish, next_run, verify_bundle
from platform_assets.pipeline.checkpoints import given_in, new_checkpoint

VERSION = 1
FOLDER = Path(__file__).parent
KNOWN = FOLDER / "evidence.json"
RUNS = 3  # the second one is exported, the third one makes the log go on


def main() -> None:
    """Make the home in a temporary folder, close its runs, and write the files beside this script."""
    name = f"evidence-v{VERSION}"
    archive, key, checkpoint = (FOLDER / f"{name}.{kind}" for kind in ("tar", "pem", "checkpoint"))
    if archive.exists():
        raise SystemExit(f"{archive} stands already: raise VERSION")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        create_home(home, ["payments"])
        feed = home / "defs" / "payments" / "defs.yaml"
        text = feed.read_text(encoding="utf-8")
        feed.write_text(re.sub(r"max_records: \d+", "max_records: 150", text), encoding="utf-8")
        platform = Platform.open(home)
        runs = []
        for _ in range(RUNS):
            run = next_run(platform, "payments")
            if run is None:
                raise RuntimeError("the example's log ended too early")
            finish(platform, run)
            runs.append(run)
        export_run(platform, runs[1], archive, with_data=True)
        key.write_bytes(platform.signer.public_key_pem)
        checkpoint.write_text(new_checkpoint(platform, archive)["text"], encoding="utf-8")
    result = verify_bundle(archive, [key], [(checkpoint.name, given_in(checkpoint))]).require()
    known = json.loads(KNOWN.read_bytes()) if KNOWN.exists() else {}
    known[name] = {
        "run_id": result.run_id,
        "bundle_digest": result.facts["bundle_digest"],
        "totals": result.facts["totals"],
    }
    KNOWN.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
