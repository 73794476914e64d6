"""Records as Dagster metadata: counts that plot over partitions, digests, and tables to read.

Metadata shows what the records say and adds nothing to them. Counts are plain integers, because the UI
plots numbers over the runs. No payload of a record and no setting ever becomes metadata.
"""

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import dagster as dg

from platform_assets.flow.replay import Replay
from platform_assets.pipeline import StepUse
from platform_assets.pipeline.lag import FeedLag

#: How many partitions a tick shows; of more, those that lag most.
SHOWN_PARTITIONS = 20

Record = Mapping[str, Any]
Metadata = dict[str, dg.MetadataValue[Any]]


def anchors_metadata(anchors: Record) -> Metadata:
    """Show a pinned window: offsets in all, and the range of each partition."""
    ranges = [
        (stream["stream"], part["partition"], part["start"], part["end"], part["origin"])
        for stream in anchors["streams"]
        for part in stream["partitions"]
    ]
    named = anchors.get("supersedes")
    corrects = f"{named['run_id']}: {named['reason']}" if named else "none"
    return {
        "supersedes": dg.MetadataValue.text(corrects),
        "offsets": dg.MetadataValue.int(
            sum(int(end) - int(start) for _, _, start, end, _ in ranges)
        ),
        "pinned_at": dg.MetadataValue.text(anchors["pinned_at"]),
        "configuration": dg.MetadataValue.text(anchors["config_digest"]),
        "predecessor": dg.MetadataValue.text(anchors["predecessor"] or "none"),
        "ranges": table(("stream", "partition", "start", "end", "origin"), ranges),
    }


def lag_metadata(lag: FeedLag, *, open_runs: int) -> Metadata:
    """Show what waits in a feed: in all, and partition by partition, the worst first where many are.

    Seconds are left out where no source knows them. An unknown age is not an age of none.
    """
    many = len(lag.partitions) > SHOWN_PARTITIONS
    shown = lag.worst(SHOWN_PARTITIONS) if many else lag.partitions
    found: Metadata = {
        "records": dg.MetadataValue.int(lag.records),
        "open_runs": dg.MetadataValue.int(open_runs),
        "partitions": dg.MetadataValue.int(len(lag.partitions)),
    }
    if lag.seconds is not None or not lag.records:
        found["seconds"] = dg.MetadataValue.float(lag.seconds or 0.0)
    for part in shown:
        name = f"{part.stream}/{part.partition}"
        found[f"{name} records"] = dg.MetadataValue.int(part.records)
        if part.seconds is not None or not part.records:
            found[f"{name} seconds"] = dg.MetadataValue.float(part.seconds or 0.0)
    return found


def landing_metadata(receipt: Record) -> Metadata:
    """Show what was delivered, and the gaps of each partition."""
    rows = [
        (p["partition"], p["start"], p["end"], p["delivered"], _gaps(p["gaps"]))
        for p in receipt["partitions"]
    ]
    return {
        "delivered": dg.MetadataValue.int(receipt["delivered"]),
        "bytes": dg.MetadataValue.int(receipt["bytes"]),
        "gap_offsets": dg.MetadataValue.int(
            sum(
                int(gap["end"]) - int(gap["start"])
                for p in receipt["partitions"]
                for gap in p["gaps"]
            )
        ),
        "anchors": dg.MetadataValue.text(receipt["anchors_digest"]),
        "partitions": table(("partition", "start", "end", "delivered", "gaps"), rows),
    }


def _consulted(receipt: Record) -> set[str]:
    settled = receipt.get("settlement", {}).get("consulted", [])
    return {given["run_id"] for given in (*receipt["horizon"], *settled)}


def admission_metadata(receipt: Record) -> Metadata:
    """Show how delivered records divide, and why some were quarantined."""
    counts = ("delivered", "admitted", "duplicate", "quarantined")
    reasons = sorted(receipt["reasons"].items(), key=lambda item: (-item[1], item[0]))
    return {
        **{name: dg.MetadataValue.int(receipt[name]) for name in counts},
        "quarantined_share": dg.MetadataValue.float(
            receipt["quarantined"] / receipt["delivered"] if receipt["delivered"] else 0.0
        ),
        "quarantine_reasons": table(("reason", "records"), reasons),
        "events": table(
            ("event", "admitted"), [(name, e["rows"]) for name, e in receipt["events"].items()]
        ),
        "partitions": table(
            ("partition", *counts),
            [(p["partition"], *(p[name] for name in counts)) for p in receipt["partitions"]],
        ),
        "runs_consulted": dg.MetadataValue.int(len(_consulted(receipt))),
        **_settlement(receipt),
    }


def _settlement(receipt: Record) -> Metadata:
    """Show where a run stands that went side by side with others, and whose admissions counted."""
    settled = receipt.get("settlement")
    if settled is None:
        return {}
    rows = [(given["number"], given["run_id"]) for given in settled["consulted"]]
    return {
        "settled_as": dg.MetadataValue.int(settled["number"]),
        "settled_after": table(("number", "run"), rows),
    }


def product_metadata(manifest: Record) -> Metadata:
    """Show the rows, columns, digests and inputs of one generation of a product."""
    columns = [
        dg.TableColumn(
            column["name"],
            type_text(column["type"]),
            constraints=dg.TableColumnConstraints(nullable=column["nullable"]),
        )
        for column in manifest["columns"]
    ]
    inputs = [(i["kind"], i["name"], i["digest"]) for i in manifest["inputs"]]
    parts = [(p["name"], p["rows"], p["size"], p["sha256"]) for p in manifest["parts"]]
    return {
        "dagster/row_count": dg.MetadataValue.int(manifest["rows"]),
        "dagster/column_schema": dg.MetadataValue.table_schema(dg.TableSchema(columns=columns)),
        "generation": dg.MetadataValue.int(manifest["generation"]),
        "bytes": dg.MetadataValue.int(sum(part["size"] for part in manifest["parts"])),
        "content_digest": dg.MetadataValue.text(manifest["content_digest"]),
        "sorted_by": dg.MetadataValue.text(", ".join(manifest["sort"])),
        "engine": dg.MetadataValue.text(_engine(manifest)),
        "parts": table(("part", "rows", "bytes", "sha256"), parts),
        "inputs": table(("kind", "name", "digest"), inputs),
    }


def _engine(manifest: Record) -> str:
    # who made these bytes first; manifests of before there was a choice do not say it
    engine = manifest["code"].get("engine")
    return f"{engine['name']} ({engine['version']})" if engine else "embedded"


def day_metadata(made: Record) -> Metadata:
    """Show a product of a day: its rows, and the runs that it was made of."""
    left_out = [(left["run_id"], left["why"]) for left in made["left_out"]]
    return {
        "dagster/row_count": dg.MetadataValue.int(made["rows"]),
        "generation": dg.MetadataValue.int(made["generation"]),
        "runs": dg.MetadataValue.int(len(made["runs"])),
        "content_digest": dg.MetadataValue.text(made["content_digest"]),
        "made_anew": dg.MetadataValue.bool(made["changed"]),
        "inputs": table(("run", "rows"), [(run["run_id"], run["rows"]) for run in made["runs"]]),
        "left_out": table(("run", "why"), left_out),
    }


def observation_metadata(observation: Record) -> Metadata:
    """Show one observation against what was expected; a number is given as one too, to be plotted."""
    shown: Metadata = {
        "outcome": dg.MetadataValue.text(observation["outcome"]),
        "observed": dg.MetadataValue.text(observation["observed"]),
        "expected": dg.MetadataValue.text(observation["expected"]),
    }
    if observation["detail"]:
        shown["detail"] = dg.MetadataValue.text(observation["detail"])
    with suppress(ValueError):  # most observations are text; only numbers plot
        shown["observed_number"] = dg.MetadataValue.float(float(observation["observed"]))
    return shown


def certificate_metadata(certificate: Record) -> Metadata:
    """Show a verdict with every observation behind it."""
    fields = ("name", "outcome", "observed", "expected", "detail")
    rows = [tuple(check[field] for field in fields) for check in certificate["checks"]]
    return {
        "verdict": dg.MetadataValue.text(certificate["verdict"]),
        "generation": dg.MetadataValue.int(certificate["generation"]),
        "checks_passed": dg.MetadataValue.int(
            sum(check["outcome"] == "PASS" for check in certificate["checks"])
        ),
        "checks_declared": dg.MetadataValue.int(len(certificate["checks"])),
        "manifest": dg.MetadataValue.text(certificate["manifest_digest"]),
        "policy": dg.MetadataValue.text(certificate["policy_digest"]),
        "checks": table(("check", "outcome", "observed", "expected", "detail"), rows),
    }


def use_metadata(steps: Sequence[StepUse]) -> Metadata:
    """Show what the last of these steps used, each as a number; nothing where there is none."""
    return {
        key: dg.MetadataValue.float(value)
        if isinstance(value, float)
        else dg.MetadataValue.int(value)
        for step in steps[-1:]
        for key, value in step.as_json().items()
        if not isinstance(value, str)
    }


def closure_metadata(bundle_digest: str, report: Path, run_id: str, home: Path) -> Metadata:
    """Show where the evidence of a closed run is and how to verify it, from any folder."""
    verify = shlex.join(["platform-assets", "verify", run_id, "--home", str(home)])
    return {
        "bundle": dg.MetadataValue.text(bundle_digest),
        "report": dg.MetadataValue.url(report.as_uri()),
        "report_file": dg.MetadataValue.path(str(report)),
        "verify": dg.MetadataValue.md(f"`{verify}`"),
    }


def replay_metadata(replay: Replay) -> Metadata:
    """Show the verdict of a replay, what was compared, and the first divergence."""
    rows = [
        (each.step, each.thing, each.parts, each.rows, each.sameness) for each in replay.compared
    ]
    engines = [(name, *versions) for name, versions in replay.engines.items()]
    divergence = replay.divergence.text() if replay.divergence else "none"
    return {
        "verdict": dg.MetadataValue.text(replay.verdict),
        "decided_by": dg.MetadataValue.text(replay.decided_by),
        "rebuilt_from": dg.MetadataValue.text(f"{replay.start}: {replay.reason}"),
        "parts": dg.MetadataValue.int(replay.parts),
        "rows": dg.MetadataValue.int(replay.rows),
        "divergence": dg.MetadataValue.text(divergence),
        "bundle": dg.MetadataValue.text(replay.bundle_digest),
        "other_engines": table(("engine", "recorded", "now"), engines),
        "compared": table(("step", "of", "parts", "rows", "result"), rows),
    }


def catalogue_metadata(database: str, views: Sequence[str], omitted: Mapping[str, str]) -> Metadata:
    """Show the views of a catalogue, and what is not in it."""
    found: Metadata = {
        "database": dg.MetadataValue.path(database),
        "view_count": dg.MetadataValue.int(len(views)),
        "views": table(("view",), [(view,) for view in sorted(views)]),
    }
    if omitted:
        found["left_out"] = table(("product", "why"), omitted.items())
    return found


def type_text(kind: Any) -> str:
    """Write a manifest's column type in one line, for people."""
    match kind:
        case {"decimal": [precision, scale]}:
            return f"decimal({precision},{scale})"
        case {"list": element}:
            return f"list<{type_text(element)}>"
        case {"struct": fields}:
            inner = ", ".join(f"{f['name']}: {type_text(f['type'])}" for f in fields)
            return f"struct<{inner}>"
    return kind if isinstance(kind, str) else json.dumps(kind)


def _gaps(gaps: Sequence[Record]) -> str:
    return ", ".join(f"[{gap['start']}, {gap['end']}) {gap['kind']}" for gap in gaps) or "none"


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> dg.MarkdownMetadataValue:
    """Show rows below a header; of no rows, that there is none."""
    body = ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    if not body:
        return dg.MetadataValue.md("none")
    return dg.MetadataValue.md(
        "\n".join(["| " + " | ".join(header) + " |", "| --- " * len(header) + "|", *body])
    )


def _cell(value: Any) -> str:
    # a bar or a line break in a value would break the table's columns
    return str(value).replace("|", "\\|").replace("\n", " ")
