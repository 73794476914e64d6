"""Flame graphs: what counts as work, whose it is, and that its picture can be read."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from benchmarks.flames import draw, heaviest, working

_PROCESS = 'process 7:"python -c import a; b(1); main() {"home":"/h"}";'
_MAIN = (
    "<module> (benchmarks/contenders/platform.py:60);main (benchmarks/contenders/platform.py:40)"
)
_ADMIT = "admit (platform_assets/pipeline/admit.py:50)"
_WORKER = 'process 7:"python";process 8:"python -c x";main (platform_assets/adapters/worker.py:24)'


def test_work_counts_from_our_first_frame_on_and_lines_of_one_function_are_one() -> None:
    seen = working(
        [
            f"{_PROCESS}{_MAIN};{_ADMIT};collect (polars/lazy.py:9) 3",
            f"{_PROCESS}{_MAIN};{_ADMIT.replace(':50', ':70')};collect (polars/lazy.py:11) 4",
        ]
    )
    assert seen == {("admit (platform_assets/pipeline/admit.py)", "collect (polars/lazy.py)"): 7}


@pytest.mark.parametrize(
    "waiting",
    [
        f"{_PROCESS}{_MAIN};{_ADMIT};wait (threading.py:320) 9",
        f"{_PROCESS}{_MAIN};{_ADMIT};wait (multiprocessing/connection.py:948) 9",
        f"{_WORKER} 9",  # for its next task
        f"{_PROCESS}_bootstrap (threading.py:995);_worker (concurrent/futures/thread.py:81) 9",
    ],
)
def test_waiting_is_no_work(waiting: str) -> None:
    assert sum(working([waiting, f"{_PROCESS}{_MAIN};{_ADMIT} 1"]).values()) == 1


def test_importing_is_no_work_of_a_step() -> None:
    loads = "_find_and_load (<frozen importlib._bootstrap>:1176)"
    importing = f"{_MAIN};{loads};<module> (platform_assets/errors.py:1)"
    assert sum(working([f"{_PROCESS}{importing} 9", f"{_MAIN};{_ADMIT} 1"]).values()) == 1


def test_a_profile_without_work_is_refused() -> None:
    with pytest.raises(ValueError, match="take more events"):
        working([f"{_PROCESS}{_MAIN} 5"])


def test_what_a_library_takes_counts_for_who_called_it() -> None:
    seen = working(
        [
            f"{_MAIN};{_ADMIT};collect (polars/lazy.py:9) 3",
            f"{_MAIN};{_ADMIT} 1",
            f"{_WORKER};judge (platform_assets/contracts/judge.py:9);sort (numpy/core.py:1) 12",
        ]
    )
    assert heaviest(seen, 2) == [
        ("judge (platform_assets/contracts/judge.py)", 0.75),
        ("admit (platform_assets/pipeline/admit.py)", 0.25),
    ]


def test_the_picture_shows_shares_and_leaves_out_what_cannot_be_seen() -> None:
    seen = working(
        [
            f"{_MAIN};{_ADMIT};collect (polars/lazy.py:9) 750",
            f"{_MAIN};{_ADMIT};<lambda> (polars/lazy.py:9) 249",
            f"{_MAIN};{_ADMIT};never (polars/lazy.py:9) 1",
        ]
    )
    titles = {element.text for element in ET.fromstring(draw(seen, "admit & more")).iter()}  # noqa: S314 - our own
    assert "collect (polars/lazy.py) 75.0%" in titles
    assert "<lambda> (polars/lazy.py) 24.9%" in titles
    assert "admit & more" in titles
    assert not any(title and title.startswith("never") for title in titles)
