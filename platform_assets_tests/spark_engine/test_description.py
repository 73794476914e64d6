"""What passes between launcher and job is of one version; another one is refused, not guessed at."""

from __future__ import annotations

import pytest

from platform_assets.adapters.spark.description import JobDescription, JobResult


@pytest.mark.parametrize("told", ['{"version": 2}', "{}"])
def test_a_description_or_a_result_of_another_version_is_refused(told: str) -> None:
    with pytest.raises(ValueError, match="a job description of version"):
        JobDescription.from_json(told)
    with pytest.raises(ValueError, match="a job result of version"):
        JobResult.from_json(told)
