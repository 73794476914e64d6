"""The content digest of row groups in worker processes, as certifying computes it.

Its tasks go to processes that know this module by its name, so it is none that is run.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import polars as pl

from platform_assets.adapters.budget import usable_cores
from platform_assets.adapters.check_pass import read_group
from platform_assets.adapters.part_format import arrow_schema
from platform_assets.adapters.row_encoding import content_digest
from platform_assets.adapters.workers import workers
from platform_assets.contracts.columns import Column
from platform_assets.flow.content_digest import ContentDigest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.adapters.check_pass import RowGroup

Columns = tuple[Column, ...]


def as_certified(columns: Columns, groups: Sequence[RowGroup]) -> tuple[ContentDigest, float]:
    """Return the digest of row groups, and its CPU seconds."""
    digest, cpu = ContentDigest.empty(columns), 0.0
    with workers(usable_cores(), _ready, columns) as pool:
        for part, seconds in pool.map(_of_group, groups):
            digest = digest.merge(part)
            cpu += seconds
    return digest, cpu


def _ready(columns: Columns) -> Columns:
    nothing = pl.DataFrame(arrow_schema(columns).empty_table())
    content_digest(nothing, columns)  # loads what it needs
    return columns


def _of_group(columns: Columns, group: RowGroup) -> tuple[ContentDigest, float]:
    rows = read_group(group, columns, {column.name for column in columns})
    begun = time.process_time()
    return content_digest(rows, columns), time.process_time() - begun
