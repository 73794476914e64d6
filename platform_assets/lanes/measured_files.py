"""Files of what was measured: samples, and histograms, one value a line, nothing aggregated.

``samples.ndjson`` holds a sample a line, ``histograms/<metric>.ndjson`` an interval a line, canonical
JSON in one order, so that the same measurements are the same bytes. They are read strictly: a line that
is not exactly one that would be written, or does not stand where it belongs, is a problem that is
reported. It is never passed over in silence, and nothing is repaired.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import MAX_EXACT_INTEGER, canonical_bytes
from platform_assets.lanes.histograms import require_sound
from platform_assets.lanes.measured import Interval, Sample
from platform_assets.lanes.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    #: Where something is wrong, and what.
    Problem = tuple[str, str]

SAMPLES_FILE = "samples.ndjson"
HISTOGRAMS_FOLDER = "histograms"
_SAMPLE_KEYS = ["at", "label", "metric", "value"]
_INTERVAL_KEYS = ["begin", "end", "hdr", "label"]


def histogram_path(metric: str) -> str:
    """Return the path of a metric's histograms in the evidence."""
    return f"{HISTOGRAMS_FOLDER}/{metric}.ndjson"


def write_samples(path: Path, series: Mapping[str, Iterable[Sample]]) -> None:
    """Write all samples, in order of metric, label and time; the file must not exist."""
    _write(
        path,
        (
            {"at": sample.at, "label": sample.label, "metric": metric, "value": sample.value}
            for metric in sorted(series)
            for sample in sorted(series[metric], key=lambda s: (s.label, s.at, s.value))
        ),
    )


def write_histograms(folder: Path, histograms: Mapping[str, Iterable[Interval]]) -> None:
    """Write the intervals of each metric into a file below a folder, in order of label and time."""
    folder.mkdir(parents=True, exist_ok=True)
    for metric, intervals in histograms.items():
        _write(
            folder / f"{metric}.ndjson",
            (
                {"begin": each.begin, "end": each.end, "hdr": each.hdr, "label": each.label}
                for each in sorted(intervals, key=lambda i: (i.label, i.begin, i.end))
            ),
        )


def read_samples(data: bytes) -> tuple[dict[str, list[Sample]], list[Problem]]:
    """Return the samples of each metric in ``samples.ndjson``, and all that is wrong with it."""
    series: dict[str, list[Sample]] = defaultdict(list)
    problems: list[Problem] = []
    before: tuple[Any, ...] = ()
    for where, value in _lines(data, SAMPLES_FILE, _SAMPLE_KEYS, problems):
        metric, sample = value["metric"], Sample(value["at"], value["label"], value["value"])
        problem = _problem_of_sample(metric, sample)
        place = (metric, sample.label, sample.at, sample.value)
        if not problem and place < before:
            problem = "does not stand where it sorts"
        if not problem and METRICS[metric].kind == "gauge" and place[:3] == before[:3]:
            problem = "is a second sample of one moment"
        if problem:
            problems.append((where, problem))
            continue
        before = place
        series[metric].append(sample)
    return dict(series), problems


def read_histograms(metric: str, data: bytes) -> tuple[list[Interval], list[Problem]]:
    """Return the intervals of a metric's file, and all that is wrong with it."""
    path = histogram_path(metric)
    intervals: list[Interval] = []
    problems: list[Problem] = []
    if metric not in METRICS or METRICS[metric].kind != "histogram":
        return [], [(path, "is of no metric that has histograms")]
    for where, value in _lines(data, path, _INTERVAL_KEYS, problems):
        interval = Interval(**value)
        problem = _problem_of_interval(interval, intervals[-1] if intervals else None)
        if problem:
            problems.append((where, problem))
        else:
            intervals.append(interval)
    return intervals, problems


def _problem_of_sample(metric: Any, sample: Sample) -> str:
    if metric not in METRICS or METRICS[metric].kind == "histogram":
        return f"{metric!r} is no metric that has samples"
    if not (_is_exact(sample.at) and _is_exact(sample.value)):
        return "has a time or a value that is no exact integer"
    return "" if isinstance(sample.label, str) else "has a label that is no text"


def _problem_of_interval(interval: Interval, before: Interval | None) -> str:
    if not (_is_exact(interval.begin) and _is_exact(interval.end)):
        return "begins or ends at no exact integer"
    if interval.begin >= interval.end or not isinstance(interval.label, str):
        return "is no interval with a label"
    if before is not None and (interval.label, interval.begin) < (before.label, before.begin):
        return "does not stand where it sorts"
    if before is not None and interval.label == before.label and interval.begin < before.end:
        return "overlaps with the one before"
    try:
        require_sound(interval.hdr)
    except ValueError as error:
        return f"its histogram {error}"
    return ""


def _is_exact(value: Any) -> bool:
    return type(value) is int and abs(value) <= MAX_EXACT_INTEGER


def _lines(
    data: bytes, path: str, keys: Sequence[str], problems: list[Problem]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield place and value of each line that is a canonical object of these keys."""
    lines = data.split(b"\n")
    if lines.pop():
        problems.append((path, "does not end with a whole line"))
    for number, line in enumerate(lines, 1):
        where = f"{path}:{number}"
        try:
            value = json.loads(line)
            is_as_written = isinstance(value, dict) and canonical_bytes(value) == line
        except (ValueError, TypeError, RecursionError):
            is_as_written = False
        if is_as_written and sorted(value) == keys:
            yield where, value
        else:
            problems.append((where, f"is no canonical object of {', '.join(keys)}"))


def _write(path: Path, values: Iterable[Mapping[str, Any]]) -> None:
    with path.open("xb") as file:
        for value in values:
            file.write(canonical_bytes(value) + b"\n")
