"""What passes between launcher and job is of one version; another one is refused, not guessed at."""

from __future__ import annotations

import pytest

from platform_assets.adapters.spark.description import JobDescription, JobResult, described
from platform_assets.adapters.spark.judging_description import JudgingDescription


@pytest.mark.parametrize("told", ['{"version": 1}', '{"version": 2}', "{}"])
def test_a_description_or_a_result_of_another_version_is_refused(told: str) -> None:
    with pytest.raises(ValueError, match="a job description of version"):
        JobDescription.from_json(told)
    with pytest.raises(ValueError, match="a job result of version"):
        JobResult.from_json(told)


def test_a_description_of_another_kind_of_job_is_refused() -> None:
    told = described(JudgingDescription.kind, {})
    with pytest.raises(ValueError, match="kind 'judging', not 'product'"):
        JobDescription.from_json(told)
