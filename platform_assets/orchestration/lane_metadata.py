"""A judged lane as Dagster metadata and check results. Both mirror its evidence and add nothing to it.

Every figure is a number under one name and in one unit, whatever unit the plan has, so that Dagster
plots it over the executions of the lane. What has no data has no number: an unknown value is not
zero.
"""

import shlex
from collections.abc import Iterator, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING

import dagster as dg

from platform_assets.canonical import digest_bytes
from platform_assets.lanes.evidence_files import LANE_FILE
from platform_assets.lanes.metrics import METRICS, UNITS
from platform_assets.orchestration.metadata import Metadata, table
from platform_assets.orchestration.names import LANE_VERDICT_CHECK
from platform_assets.orchestration.withholding import withhold

if TYPE_CHECKING:
    from platform_assets.lanes.lane_result import LaneResult
    from platform_assets.lanes.plan import Threshold
    from platform_assets.lanes.verdict import Judged

#: Dimension -> the unit in which it is plotted.
_PLOTTED = MappingProxyType({"time": "s", "bytes": "MiB", "count": "1", "rate": "/s", "share": "%"})
_PASS = "PASS"  # noqa: S105 - a verdict


def lane_metadata(result: "LaneResult") -> Metadata:
    """Show a lane: its verdict, every figure, the limits beside them, and where the evidence is."""
    judged, folder = result.judged, result.folder
    recorded, thresholds = judged.recorded, judged.judgement.thresholds
    verify = shlex.join(
        ["platform-assets", "verify", str(folder.run), "--home", str(folder.path.parent.parent)]
    )
    return {
        "verdict": dg.MetadataValue.text(str(judged.verdict)),
        "profile": dg.MetadataValue.text(recorded.plan.profile),
        "lane_run": dg.MetadataValue.text(str(folder.run)),
        **{
            _named(each.name, each.threshold): dg.MetadataValue.float(
                _scaled(each.threshold, each.value)
            )
            for each in thresholds
            if each.value is not None
        },
        "thresholds": table(
            ("threshold", "measured", "expected", "verdict", "no data because"),
            [_row(each) for each in thresholds],
        ),
        "thresholds_passed": dg.MetadataValue.int(sum(_passed(each) for each in thresholds)),
        "thresholds_declared": dg.MetadataValue.int(len(thresholds)),
        "requirements": table(
            ("requirement", "satisfied", "detail"),
            [(each.name, each.satisfied, each.detail) for each in judged.requirements],
        ),
        "events": dg.MetadataValue.int(sum(ledger.sent for ledger in recorded.ledgers)),
        "closed_runs": dg.MetadataValue.int(len(recorded.bundles)),
        "plan": dg.MetadataValue.text(recorded.plan.digest),
        "evidence": dg.MetadataValue.text(digest_bytes((folder.evidence / LANE_FILE).read_bytes())),
        "report": dg.MetadataValue.url(folder.report.as_uri()),
        "report_file": dg.MetadataValue.path(str(folder.report)),
        "verify": dg.MetadataValue.md(f"`{verify}`"),
    }


def lane_checks(
    names: Sequence[str], result: "LaneResult", secrets: frozenset[str]
) -> Iterator[dg.AssetCheckResult]:
    """Give a result for each of these thresholds, whatever the lane's plan has, then its verdict.

    A threshold that the plan does not have is not passed. It is shown as a warning and not as an error,
    because nothing was measured that is wrong.
    """
    judged = {each.name: each for each in result.judged.judgement.thresholds}
    for name in names:
        found = judged.get(name)
        yield dg.AssetCheckResult(
            check_name=name,
            passed=found is not None and _passed(found),
            severity=dg.AssetCheckSeverity.ERROR if found else dg.AssetCheckSeverity.WARN,
            metadata=withhold(_of_threshold(found) if found else _not_in(result), secrets),
        )
    yield dg.AssetCheckResult(
        check_name=LANE_VERDICT_CHECK,
        passed=result.passed,
        metadata=withhold(_of_verdict(result), secrets),
    )


def _of_threshold(judged: "Judged") -> Metadata:
    threshold, value = judged.threshold, judged.value
    numbers = {"limit": threshold.limit, "measured": value}
    texts = {"no data because": judged.reason, "limit from": threshold.why}
    return {
        "verdict": dg.MetadataValue.text(str(judged.verdict)),
        "expected": dg.MetadataValue.text(_expected(threshold)),
        "samples": dg.MetadataValue.int(judged.samples),
        **{
            _named(key, threshold): dg.MetadataValue.float(_scaled(threshold, number))
            for key, number in numbers.items()
            if number is not None
        },
        **{key: dg.MetadataValue.text(text) for key, text in texts.items() if text},
    }


def _not_in(result: "LaneResult") -> Metadata:
    plan = result.judged.recorded.plan
    text = f"profile {plan.profile} of the plan has no such threshold"
    return {
        "verdict": dg.MetadataValue.text("NO_DATA"),
        "no data because": dg.MetadataValue.text(text),
    }


def _of_verdict(result: "LaneResult") -> Metadata:
    judged = result.judged
    unmet = [(each.name, each.detail) for each in judged.requirements if not each.satisfied]
    failing = [(each.name, each.verdict) for each in judged.judgement.failing]
    return {
        "verdict": dg.MetadataValue.text(str(judged.verdict)),
        "lane_run": dg.MetadataValue.text(str(result.folder.run)),
        "thresholds not passed": dg.MetadataValue.int(len(failing)),
        "requirements not met": dg.MetadataValue.int(len(unmet)),
        "not passed": table(("threshold", "verdict"), failing),
        "not met": table(("requirement", "detail"), unmet),
    }


def _row(judged: "Judged") -> tuple[str, ...]:
    threshold = judged.threshold
    value = "no data" if judged.value is None else _with_unit(threshold, Decimal(judged.value))
    return judged.name, value, _expected(threshold), str(judged.verdict), judged.reason


def _passed(judged: "Judged") -> bool:
    return str(judged.verdict) == _PASS


def _named(key: str, threshold: "Threshold") -> str:
    unit = _unit(threshold)
    return f"{key} ({unit})" if unit else key


def _expected(threshold: "Threshold") -> str:
    way = "at most" if threshold.at_most is not None else "at least"
    return f"{way} {_with_unit(threshold, threshold.limit)}"


def _with_unit(threshold: "Threshold", value: Decimal) -> str:
    return f"{_scaled(threshold, value):,.6g} {_unit(threshold)}".rstrip()


def _scaled(threshold: "Threshold", value: Decimal | int) -> float:
    dimension = METRICS[threshold.metric].dimension
    return float(Decimal(value) / UNITS[dimension][_PLOTTED[dimension]])


def _unit(threshold: "Threshold") -> str:
    plotted = _PLOTTED[METRICS[threshold.metric].dimension]
    unit = "" if plotted == "1" else plotted
    return f"{unit}/h" if threshold.statistic == "slope" else unit
