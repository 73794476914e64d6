"""Runs contenders one after the other, says how far it is, and keeps what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import inputs, peers, sizes
from benchmarks.scale import OURS, Results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.progress import Progress

    from benchmarks.measure import Measurement

#: The digest alone is timed over so many rows at most: its time for each is the same everywhere.
_DIGEST_ROWS = 5_000_000


class Contest:
    """A contest in a field, whose results are added to those that are given."""

    def __init__(
        self,
        field: peers.Field,
        results: Results,
        progress: Progress,
        saved: Callable[[], None] | None = None,
    ) -> None:
        """Take part in a field; ``saved`` is called whenever there is more to be kept."""
        self._field = field
        self._results = results
        self._progress = progress
        self._saved = saved or (lambda: None)
        self._task = progress.add_task("", total=None)

    def run(self, events: Iterable[int], only: Sequence[str], slices: dict[str, int]) -> None:
        """Measure the chosen contenders at every size, the sliced ones on the last log."""
        wanted = list(events)
        of_logs = [name for name in only if name not in peers.SLICED]
        of_slices = [name for name in only if name in peers.SLICED]
        self._progress.update(self._task, total=len(wanted) * len(of_logs) + len(of_slices))
        for turn, size in enumerate(wanted):
            self._field.require_room(size)
            self._begin(f"{sizes.label(size)}: making the input")
            counts = inputs.write_input(self._field.input(size), size)
            for name in of_logs:
                self._measure(name, size, counts)
            for name in of_slices if turn == len(wanted) - 1 else ():
                self._begin(f"a slice: {peers.TITLES[name]}")
                run = peers.sliced(name, self._field, size, slices[name])
                self._results.slices[name] = run
                self._done(name, f"{run.records:,}", run)

    def _measure(self, name: str, size: int, counts: inputs.Counts) -> None:
        self._begin(f"{sizes.label(size)}: {peers.TITLES[name]}")
        try:
            if name == OURS:
                run = peers.platform(self._field, size, counts)
                digest_cpu = peers.digest_cpu(self._field, _DIGEST_ROWS)
                self._results.digest_cpu[size] = digest_cpu
            else:
                run = peers.peer(name, self._field, size, counts)
        except peers.Skipped as why:
            self._results.skipped.setdefault(size, {})[name] = str(why)
            self._progress.advance(self._task)
            return
        self._results.sizes.setdefault(size, {})[name] = run
        self._results.skipped.get(size, {}).pop(name, None)
        self._done(name, sizes.label(size), run)

    def _begin(self, what: str) -> None:
        self._progress.update(self._task, description=what)

    def _done(self, name: str, what: str, run: Measurement) -> None:
        self._saved()
        self._progress.advance(self._task)
        self._progress.console.print(
            f"{what} {peers.TITLES[name]}: {run.wall_seconds:,.1f} s, "
            f"{run.cpu_seconds:,.1f} CPU s, others {run.other_cpu_share:.0%} of the machine"
        )
