"""Rebuilt tables held against the recorded ones, wherever the parts of either stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.adapters.row_difference import first_difference
from platform_assets.flow import replay_comparison as flow
from platform_assets.flow.replay import Compared, Divergence, Sameness
from platform_assets.flow.replay_comparison import Table
from platform_assets.pipeline.divergence import (
    Held,
    divergence_of,
    first_part,
    first_problem,
    order_of,
)
from platform_assets.pipeline.replay_keys import plain_files, without_values
from platform_assets.pipeline.scratch import make_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from platform_assets.pipeline.replay_evidence import Evidence
    from platform_assets.pipeline.replay_platform import ReplayPlatform


class HeldTables:
    """Compares tables of a run that is made again with those in its evidence."""

    def __init__(self, platform: ReplayPlatform, evidence: Evidence, *, exact: bool) -> None:
        """Begin; ``exact`` says that the engines are those of the run, so that bytes decide."""
        self._platform = platform
        self._evidence = evidence
        self._exact = exact

    def held(
        self,
        step: str,
        thing: str,
        problems: Sequence[str],
        recorded: Sequence[Table],
        rebuilt: Sequence[Table],
        *,
        has_digest: bool = False,
    ) -> Held:
        """Hold rebuilt tables against recorded ones, and find the first row where they differ."""
        sameness = flow.compared_tables(recorded, rebuilt)
        found = None
        if sameness is not Sameness.BYTES and (self._exact or problems or not has_digest):
            found = self._located(step, thing, recorded, rebuilt)
        if sameness is not Sameness.BYTES and found is None and not self._exact:
            told = has_digest or all(self._is_there(table) for table in recorded)
            sameness = Sameness.CONTENT if told else Sameness.COUNTS
        if sameness is Sameness.DIFFERENT and found is None and not problems:
            same_rows = all(self._is_there(table) for table in recorded)
            found = Divergence(
                step,
                thing,
                "other bytes of the same rows" if same_rows else "other bytes",
                first_part(recorded, rebuilt),
            )
        counts = sum(len(t.parts) for t in recorded), sum(t.rows for t in recorded)
        compared = Compared(step, thing, *counts, sameness).with_problems(
            [*problems, *([found.problem] if found else [])]
        )
        return compared, found or first_problem(
            step, thing, problems, first_part(recorded, rebuilt)
        )

    def _located(
        self, step: str, thing: str, recorded: Sequence[Table], rebuilt: Sequence[Table]
    ) -> Divergence | None:
        """Return the first differing row of the tables, by position; None where none can be told."""
        theirs = {table.name: table for table in rebuilt}
        found = []
        for table in recorded:
            other = theirs.get(table.name, Table(table.name, ()))
            if table.hashes == other.hashes or not self._is_there(table):
                continue
            difference = first_difference(self._local(table), self._rebuilt(other))
            if difference is not None:
                divergence = divergence_of(step, thing, table, other, difference)
                found.append(without_values(divergence, table))
        in_order = step in ("land", "admit")  # their rows stand in the order of their positions
        found.sort(key=lambda each: order_of(each) if in_order else ())
        return found[0] if found else None

    def _is_there(self, table: Table) -> bool:
        """Tell whether the evidence came with the parts of a table."""
        return all(part["path"] in self._evidence.paths for part in table.parts)

    def _local(self, table: Table) -> list[Path]:
        """Return local files of recorded parts."""
        lower = self._evidence.lower
        return self._plain(table, lower.read, [lower.local_path(p["path"]) for p in table.parts])

    def _rebuilt(self, table: Table) -> list[Path]:
        """Return local files of rebuilt parts."""
        store = self._platform.store
        return self._plain(table, store.read, [store.local_path(p["path"]) for p in table.parts])

    def _plain(
        self, table: Table, read: Callable[[str], bytes], files: Sequence[Path]
    ) -> list[Path]:
        into = make_folder(self._platform.scratch_root) / "plain"
        return plain_files(
            self._platform, self._evidence.records.run, table, read, files, into=into
        )
