from __future__ import annotations

import pytest

from platform_assets.errors import InvalidName
from platform_assets.identifiers import LaneRunId, RunId


def test_a_lane_run_is_read_as_it_is_written() -> None:
    run = LaneRunId("burst", 42)
    assert str(run) == "lane-burst-00000042"
    assert LaneRunId.parse(str(run)) == run


@pytest.mark.parametrize(
    "text",
    [
        "burst-00000001",
        "lane-burst-1",
        "lane-burst-000000001",
        "lane-burst-00000000",
        "lane-../up-00000001",
        "lane-Burst-00000001",
        "lane--00000001",
        "lane-burst-00000001\n",
        "lane-burst-" + "\u0661" * 8,
    ],
)
def test_what_is_no_lane_run_is_refused(text: str) -> None:
    with pytest.raises(InvalidName):
        LaneRunId.parse(text)


def test_no_run_of_a_feed_can_be_taken_for_one_of_a_lane() -> None:
    with pytest.raises(InvalidName):
        RunId.parse(str(LaneRunId("burst", 1)))
    with pytest.raises(InvalidName):
        LaneRunId.parse(str(RunId("lane_burst", 1)))


@pytest.mark.parametrize("sequence", [0, -1, 100_000_000])
def test_a_number_that_cannot_stand_in_a_path_is_refused(sequence: int) -> None:
    with pytest.raises(InvalidName):
        LaneRunId("burst", sequence)
