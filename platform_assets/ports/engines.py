"""Engines: what turns the admitted rows of a stream into the sorted parts of a product.

Any engine gives the same rows in the same order, and so the same content digest. Part bytes may differ
between engines, and never between two runs of one engine version; the manifest names the engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from platform_assets.contracts.columns import Column
    from platform_assets.flow.profile import Profile
    from platform_assets.ports.part_files import PartFile


@dataclass(frozen=True, slots=True)
class AdmittedRows:
    """Rows that were admitted: those of the accepted parts that stand in none of the excluded ones.

    ``accepted`` are Parquet files with the contract's columns and the position columns. ``excluded``
    are Parquet files of the same stream with the position columns among others: duplicates and
    quarantined records. A row is excluded by its partition and offset. ``rows`` is how many are left,
    as the receipt says.
    """

    accepted: Sequence[Path]
    excluded: Sequence[Path]
    rows: int


@dataclass(frozen=True, slots=True)
class ProductJob:
    """One product to be made: rows, columns in order, sort keys, rows of a part."""

    admitted: AdmittedRows
    columns: Sequence[Column]
    sort: Sequence[str]
    part_rows: int


@dataclass(frozen=True, slots=True)
class ProductParts:
    """The parts that an engine wrote, in order, and what they hold together."""

    parts: Sequence[PartFile]
    content_digest: str
    rows: int
    profile: Profile


class Engine(Protocol):
    """Sorts, writes and digests the rows of a product."""

    @property
    def identity(self) -> dict[str, str]:
        """Name and version, as the manifest lists them."""

    def make(self, job: ProductJob, into: Path) -> ProductParts:
        """Write the product's parts into a folder.

        Raises:
            SpillExhausted: there is not enough room for what does not fit in memory.
            AdmissionInconsistent: there are more or fewer rows than the job says.
        """
