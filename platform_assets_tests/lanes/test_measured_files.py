from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_assets.lanes.histograms import new_histogram, record_values
from platform_assets.lanes.measured import Interval, Sample
from platform_assets.lanes.measured_files import (
    read_histograms,
    read_samples,
    write_histograms,
    write_samples,
)
from platform_assets.lanes.metrics import METRICS

if TYPE_CHECKING:
    from pathlib import Path

SAMPLED = [name for name, metric in METRICS.items() if metric.kind != "histogram"]
SAMPLES = st.builds(
    Sample,
    at=st.integers(-(10**7), 10**12),
    label=st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    value=st.integers(-(2**53) + 1, 2**53 - 1),
)
SERIES = st.dictionaries(
    st.sampled_from(SAMPLED),
    st.lists(SAMPLES, min_size=1, unique_by=lambda s: (s.at, s.label)),
)


def interval(begin: int, end: int, label: str = "0") -> Interval:
    histogram = new_histogram()
    record_values(histogram, np.array([begin + 1, end + 1]))
    return Interval.of(begin, end, label, histogram)


@settings(deadline=None)
@given(series=SERIES)
def test_samples_are_read_as_they_were_written_whatever_their_order(
    series: dict[str, list[Sample]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("samples")
    write_samples(folder / "one", series)
    backwards = {metric: series[metric][::-1] for metric in reversed(series)}
    write_samples(folder / "other", backwards)
    data = (folder / "one").read_bytes()
    assert (folder / "other").read_bytes() == data
    found, problems = read_samples(data)
    assert problems == []
    assert {m: sorted(s) for m, s in found.items()} == {m: sorted(s) for m, s in series.items()}


def test_histograms_are_read_as_they_were_written(tmp_path: Path) -> None:
    intervals = [interval(2, 3, "b"), interval(1, 2, "b"), interval(1, 3, "a")]
    write_histograms(tmp_path / "histograms", {"latency": intervals})
    data = (tmp_path / "histograms" / "latency.ndjson").read_bytes()
    assert read_histograms("latency", data) == ([intervals[2], intervals[1], intervals[0]], [])


def test_a_file_that_stands_is_not_written_again(tmp_path: Path) -> None:
    write_samples(tmp_path / "samples", {})
    with pytest.raises(FileExistsError):
        write_samples(tmp_path / "samples", {})


GOOD = b'{"at":1,"label":"","metric":"lag","value":5}'


def _line(**changed: Any) -> bytes:
    value = {**json.loads(GOOD), **changed}
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


BAD_LINES = {
    "an empty line": b"",
    "no JSON": b"{",
    "a list": b"[]",
    "JSON with a blank": GOOD.replace(b":1", b": 1"),
    "keys in another order": b'{"label":"","at":1,"metric":"lag","value":5}',
    "a key too many": _line(more=1),
    "a key twice": GOOD.replace(b'"at":1', b'"at":1,"at":1'),
    "a key too few": b'{"at":1,"label":"","metric":"lag"}',
    "a metric that is none": _line(metric="lags"),
    "a metric of histograms": _line(metric="latency"),
    "a metric that is a number": _line(metric=1),
    "a float": _line(value=5.5),
    "a value that is true": _line(value=True),
    "a time that is text": _line(at="1"),
    "a number that is not exact": _line(value=2**53),
    "a label that is a number": _line(label=1),
    "the line before again": _line(at=0),
    "an earlier time": _line(at=-1),
    "an earlier metric": _line(metric="backlog"),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_malformed_line_of_samples_is_a_problem_and_not_passed_over(name: str) -> None:
    lines = [_line(at=0), BAD_LINES[name], _line(at=2)]
    series, problems = read_samples(b"".join(line + b"\n" for line in lines))
    assert [where for where, _ in problems] == ["samples.ndjson:2"]
    assert [sample.at for sample in series["lag"]] == [0, 2]


def test_a_last_line_that_is_cut_is_a_problem() -> None:
    assert read_samples(GOOD)[1] == [("samples.ndjson", "does not end with a whole line")]


def _written(each: Interval) -> dict[str, Any]:
    return {"begin": each.begin, "end": each.end, "hdr": each.hdr, "label": each.label}


BAD_INTERVALS = {
    "backwards": {"begin": 30, "end": 30},
    "beginning nowhere": {"begin": None},
    "overlapping": {"begin": 15},
    "of an earlier label": {"label": ""},
    "with a label that is none": {"label": None},
    "without a histogram": {"hdr": ""},
}


@pytest.mark.parametrize("name", BAD_INTERVALS)
def test_a_malformed_line_of_histograms_is_a_problem_and_not_passed_over(name: str) -> None:
    first, second, third = interval(10, 20), interval(20, 30), interval(30, 40)
    values = [_written(first), {**_written(second), **BAD_INTERVALS[name]}, _written(third)]
    lines = [json.dumps(v, sort_keys=True, separators=(",", ":")).encode() + b"\n" for v in values]
    intervals, problems = read_histograms("latency", b"".join(lines))
    assert [where for where, _ in problems] == ["histograms/latency.ndjson:2"]
    assert intervals == [first, third]


@pytest.mark.parametrize("metric", ["lag", "lags"])
def test_histograms_of_what_has_none_are_a_problem(metric: str) -> None:
    intervals, problems = read_histograms(metric, b"")
    assert intervals == []
    assert len(problems) == 1
