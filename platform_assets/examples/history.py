"""Tells the rows of the run from those of the closed runs before it.

Certified products come with a column ``_run``. Run ids of one feed have a fixed width, so their
order as text is their order in the feed's log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The parameter under which the platform passes the run's id to a consumer.
RUN_PARAMETER = "run_id"


def current_run(
    inputs: Mapping[str, pl.LazyFrame], parameters: Mapping[str, str | int | bool]
) -> str:
    """Return the id of the run that the consumer works for.

    Without the platform, in a notebook for example, it is the newest run found in the inputs.

    Raises:
        ValueError: the parameter is absent and no input has a row.
    """
    given = parameters.get(RUN_PARAMETER)
    if isinstance(given, str):
        return given
    newest = pl.concat([frame.select("_run") for frame in inputs.values()])
    found = newest.max().collect().item()
    if found is None:
        raise ValueError(f"no input has a row, and the parameter {RUN_PARAMETER} is absent")
    return str(found)
