"""Races of eight real processes that close one run: ``python -m platform_assets_tests.races``.

Prints one JSON object: how many races, what was wrong, the verdicts of all closers, and how long after
an owner was killed or frozen the next one held the claim.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

os.environ["POLARS_MAX_THREADS"] = "1"  # before Polars is imported: eight racers on a few cores

import pytest

from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform
from platform_assets_tests.forking import prepare_to_fork
from platform_assets_tests.races.arena import Arena
from platform_assets_tests.races.grounds import bucket_ground, local_ground
from platform_assets_tests.races.plans import frozen_plans, plans
from platform_assets_tests.simulators.planted_bugs import BUGS

RUN = RunId("shop", 1)


def main() -> int:
    """Run the races that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path, help="a home whose run shop-00000001 is ready to close")
    parser.add_argument("--races", type=int, default=20)
    parser.add_argument("--side-by-side", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, required=True, help="where races are run")
    parser.add_argument("--s3", help="endpoint of an S3 server; credentials from the environment")
    parser.add_argument("--bucket", help="the bucket there, which exists")
    parser.add_argument("--bug", choices=sorted(BUGS), help="plant it: the races have to show it")
    parser.add_argument("--frozen", action="store_true", help="freeze every owner but the last")
    given = parser.parse_args()
    if given.bug:
        BUGS[given.bug](pytest.MonkeyPatch())
    platform = Platform.open(given.home)
    platform.signer, platform.log_key  # noqa: B018 - made before anyone races
    prepare_to_fork()
    ground = partial(local_ground, given.home / "store")
    if given.s3:
        at = {"endpoint": given.s3, "region": "us-east-1", "allow_http": True}
        options = platform.settings.object_store.model_copy(update=at)
        settings = platform.settings.model_copy(update={"object_store": options})
        ground = partial(bucket_ground, given.home / "store", settings, given.bucket)
    arena = Arena(
        platform,
        RUN,
        given.folder,
        ground,
        seed=given.seed,
        drawn=frozen_plans if given.frozen else plans,
    )
    began = time.monotonic()
    problems: dict[int, list[str]] = {}
    verdicts: Counter[str] = Counter()
    epochs: Counter[int] = Counter()
    takeovers: list[float] = []
    for number, verdict in arena.results(given.races, given.side_by_side):
        verdicts.update(verdict.verdicts)
        epochs[verdict.epochs] += 1
        takeovers += verdict.takeovers
        if verdict.problems:
            problems[given.seed + number] = verdict.problems
            sys.stderr.write(f"race {given.seed + number}: {verdict.problems}\n")
        if sum(epochs.values()) % 100 == 0:
            sys.stderr.write(f"{sum(epochs.values())} races: {summary(takeovers)}\n")
    answer = {
        "races": given.races,
        "problems": problems,
        "verdicts": dict(verdicts),
        "epochs": dict(sorted(epochs.items())),
        "ttl_seconds": platform.settings.claim_ttl_seconds,
        "takeovers": summary(takeovers),
        "seconds": round(time.monotonic() - began, 1),
    }
    sys.stdout.write(json.dumps(answer) + "\n")
    return bool(problems)


def summary(seconds: list[float]) -> dict[str, float]:
    """Return how many there are, and how long they took."""
    if len(seconds) < 2:
        return {"count": len(seconds)}
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    found = {"p50": cuts[49], "p90": cuts[89], "p99": cuts[98], "most": max(seconds)}
    return {"count": len(seconds), **{name: round(value, 3) for name, value in found.items()}}


if __name__ == "__main__":
    sys.exit(main())
