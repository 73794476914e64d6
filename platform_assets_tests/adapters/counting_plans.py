"""Plans that count rows, and plans that fail in every way; workers import them."""

from __future__ import annotations

import errno
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from platform_assets.flow.checks import CheckObservation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.adapters.check_pass import RowGroup


@dataclass(frozen=True)
class Counting:
    """Counts rows, except where its name says what happens in the second row group instead."""

    name: str
    columns: frozenset[str] = frozenset({"id"})

    def observe(self, rows: pl.DataFrame, group: RowGroup) -> int:
        if group.number == 1:
            self._fail(rows)
        return rows.height

    def merge(self, before: int, after: int) -> int:
        if self.name == "merges_badly":
            raise ZeroDivisionError("merged")
        return before + after

    def conclude(self, noted: int) -> CheckObservation:
        return CheckObservation(str(noted), "rows", passed=True)

    def _fail(self, rows: pl.DataFrame) -> None:
        match self.name:
            case "exits":
                raise SystemExit(3)
            case "panics":
                raise pl.exceptions.PanicException(f"{rows.height} rows")
            case "fills_the_disk":
                raise OSError(errno.ENOSPC, "full")
            case "dies":
                os.kill(os.getpid(), signal.SIGKILL)


def plans(names: Sequence[str]) -> dict[int, Counting]:
    return {place: Counting(name) for place, name in enumerate(names)}
