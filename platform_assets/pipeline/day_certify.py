"""Certification of a product of a day: the declared checks over the whole day, and the merge.

1. Identify the manifest that stands, as the gate does, and hash its parts.
2. Run the declared checks, all but freshness (see `flow.compaction.day_policy`).
3. Add up the signed slices of the inputs once more, and compute the content digest of the parts again:
   each input's slices merge to what is certified of it, and those of the day to what the parts hold.
4. Issue a signed certificate for exactly this manifest digest and this policy.

A referential check looks at the referenced product of every input's run, and of the closed runs that
the check looks back at from there.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import polars as pl

from platform_assets.adapters.check_keys import Room
from platform_assets.adapters.check_pass import ROWS_OF_A_WORKER
from platform_assets.adapters.polars_checks import CheckContext, run_checks
from platform_assets.adapters.row_encoding import content_digest
from platform_assets.canonical import digest
from platform_assets.contracts.columns import Column, column_from_json
from platform_assets.flow.checks import CheckObservation, CheckResult, counted, judge, verdict_of
from platform_assets.flow.compaction import INPUTS_MERGE, Slices, day_checks, merged, slice_of
from platform_assets.flow.content_digest import ContentDigest
from platform_assets.flow.day_gate import identify_day
from platform_assets.flow.policy import check_names, policy_digest
from platform_assets.identifiers import RunId
from platform_assets.pipeline import layout
from platform_assets.pipeline.baselines import opened_baseline
from platform_assets.pipeline.day_standing import collect_day
from platform_assets.pipeline.functions import load_function
from platform_assets.pipeline.horizon import column_at, earlier_runs
from platform_assets.pipeline.issuing import issue
from platform_assets.pipeline.product_parts import verified_parts_in
from platform_assets.pipeline.reading import open_product
from platform_assets.pipeline.row_groups import row_groups
from platform_assets.pipeline.slices import standing_slices
from platform_assets.pipeline.state import is_closed
from platform_assets.pipeline.withheld_output import withholding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from platform_assets.pipeline.platform import Platform


def certify_day(platform: Platform, feed: str, product: str, day: str) -> dict[str, Any]:
    """Run the checks of a product of a day and return its certificate, whose verdict may be FAIL.

    Raises:
        ProductMissing, GenerationPending: no complete generation stands there.
        GateRefusal: its manifest or its parts are not what the gate would open.
        SpillExhausted, MemoryExceeded, WorkerLost: the checks could not be run with what there is.
    """
    found = collect_day(platform, feed, product, day)
    identified = identify_day(found)  # 1
    folder = layout.numbered(layout.day_folder(feed, product, day), identified.generation)
    paths = verified_parts_in(platform, folder, found, identified.manifest, strict=True)
    policy, manifest = dict(found.policy), identified.manifest
    consulted: dict[tuple[str, str], str] = {}
    with platform.spill() as spill:
        results = _run_checks(platform, manifest, paths, consulted, spill)  # 2
    results.append(_inputs_merge(platform, manifest, paths))  # 3
    certificate = {
        "record": "day_certificate",
        "version": 1,
        **found.named,
        "generation": identified.generation,
        "manifest_digest": identified.manifest_digest,
        "policy_digest": policy_digest(policy),
        "verdict": verdict_of(check_names(policy), results),
        "checks": [result.as_json() for result in results],
        "consulted": [
            {"product": name, "run_id": run, "certificate_digest": certified}
            for (name, run), certified in sorted(consulted.items())
        ],
    }
    return issue(  # 4
        platform,
        certificate,
        folder=layout.day_certificate_folder(feed, product, day, identified.generation),
        manifest=layout.manifest_in(folder),
        thing=f"certificate of {found.thing}",
    )


def _run_checks(
    platform: Platform,
    manifest: Mapping[str, Any],
    paths: Sequence[Path],
    consulted: dict[tuple[str, str], str],
    spill: Path,
) -> list[CheckResult]:
    budget, secrets = platform.budget, platform.secret_values()
    declared = platform.feed(manifest["feed"]).outputs()[manifest["product"]].checks
    runs = [RunId.parse(given["run_id"]) for given in manifest["inputs"]]
    context = CheckContext(
        paths=paths,
        parts=manifest["parts"],
        columns=_columns(manifest),
        sort=tuple(manifest["sort"]),
        content_digest=manifest["content_digest"],
        expected_rows=sum(given["rows"] for given in manifest["inputs"]),
        reference_time=platform.clock.now(),  # of freshness, which is not among them
        referenced=_referenced(platform, runs, consulted),
        baseline=partial(opened_baseline, platform, manifest["feed"], manifest["product"]),
        load_function=lambda reference: withholding(
            load_function(reference, platform.home, secrets), secrets
        ),
        workers=budget.workers(manifest["rows"] // ROWS_OF_A_WORKER),
        room=Room(spill, memory=budget.engine_memory, threads=budget.cores),
    )
    return run_checks(day_checks(declared), context)


def _referenced(
    platform: Platform, runs: Sequence[RunId], consulted: dict[tuple[str, str], str]
) -> Callable[[str, str, int], pl.LazyFrame]:
    """Return what gives a check one column of another product, and notes what was consulted."""

    def read(product: str, column: str, history_runs: int) -> pl.LazyFrame:
        wanted = set(runs)
        for run in runs:
            earlier = earlier_runs(platform, run, history_runs)
            wanted.update(before for before in earlier if is_closed(platform, before))
        frames = []
        for run in sorted(wanted):
            opened = open_product(platform, run, product)
            consulted[product, str(run)] = opened.certificate_digest
            frames.append(opened.scan().select(column_at(column)))
        return pl.concat(frames)

    return read


def _inputs_merge(
    platform: Platform, manifest: Mapping[str, Any], paths: Sequence[Path]
) -> CheckResult:
    def observe() -> CheckObservation:
        columns, problems, parts = _columns(manifest), list[str](), list[ContentDigest]()
        for given in manifest["inputs"]:
            part = slice_of(columns, given)
            slices = standing_slices(platform, RunId.parse(given["run_id"]), manifest["product"])
            if not _same_slice(slices, given, manifest["day"]):
                problems.append(f"{given['run_id']}: other slices than those that were certified")
            parts.append(part)
        expected = merged(columns, parts)
        found = ContentDigest.empty(columns)
        for rows in row_groups(paths, columns, manifest["parts"]):
            found = found.merge(content_digest(rows, columns))
        return CheckObservation(
            observed=f"{found.value} over {counted(found.rows, 'row')} of the parts",
            expected=f"{expected.value} over {counted(expected.rows, 'row')}, the merge of the slices "
            f"of {counted(len(parts), 'run')}",
            passed=not problems and found == expected and found.value == manifest["content_digest"],
            detail="; ".join(problems),
        )

    return judge(INPUTS_MERGE, INPUTS_MERGE, observe)


def _same_slice(slices: Slices | None, given: Mapping[str, Any], day: str) -> bool:
    """Tell whether an input is listed with the slice that was signed of its certified product."""
    if slices is None or day not in slices.days:
        return False
    told = (given["slices_digest"], given["manifest_digest"], given["certificate_digest"])
    signed = (digest(slices.as_record()), slices.manifest_digest, slices.certificate_digest)
    return told == signed and slice_of(slices.columns, given) == slices.days[day]


def _columns(manifest: Mapping[str, Any]) -> tuple[Column, ...]:
    return tuple(column_from_json(column) for column in manifest["columns"])
