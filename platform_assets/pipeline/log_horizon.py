"""What counts before a run that goes side by side with others: those that settled before it.

1. Windows before its own that are processed in order, and those that stand in no log because they are
   closed since long, count through the gate, as for a run that waits for all before it.
2. Of the other windows within the horizon, on either side, those count whose run has an entry in the
   settlement log. Of a closed run its certified product is read, and of one that is open its receipt,
   which the entry names: what it admitted is certain, although its products are not.
3. Those that are not settled yet do not count. They will take this run into account.

What is read has nothing to do with when it is read: the product of a closed run holds exactly what its
receipt admitted. So the receipt names the admissions that counted, in the order of the log.

Some order has to hold beyond one log, or two runs would wait for each other to be closed:

4. A stream is settled after the first stream of its feed, by name, and after every run that the log of
   the first has before this one.
5. Where checks or consumers read earlier runs, a window is settled after those that it reads; in the
   first stream, which the others follow.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from platform_assets.canonical import digest
from platform_assets.errors import PredecessorOpen
from platform_assets.identifiers import RunId
from platform_assets.pipeline import layout
from platform_assets.pipeline.admitted_rows import admitted_of
from platform_assets.pipeline.corrections import corrections_of, newest_closed
from platform_assets.pipeline.horizon import (
    EarlierRows,
    certified_rows,
    correction_open,
    has_rows_of,
    product_of,
    require_closed,
    shared_columns,
)
from platform_assets.pipeline.reach import history_reach
from platform_assets.pipeline.reading import open_product
from platform_assets.pipeline.records import read_record
from platform_assets.pipeline.settlement_log import SettlementLog, settled_receipt
from platform_assets.pipeline.state import is_closed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from platform_assets.contracts.columns import Column
    from platform_assets.declarations import FeedDeclaration
    from platform_assets.flow.settlements import Settlement
    from platform_assets.pipeline.corrections import Corrections
    from platform_assets.pipeline.platform import Platform


@dataclass(frozen=True, slots=True)
class Counted:
    """A run that counts by its place in the log; ``products`` has for each event that of its rows."""

    number: int
    run: RunId
    admission_digest: str
    products: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """Return it as receipts list it."""
        return {
            "number": self.number,
            "run_id": str(self.run),
            "admission_digest": self.admission_digest,
            "products": dict(self.products),
        }


class LogHorizon:
    """What counts for one stream of a run, as of one look at the log; used as a context."""

    def __init__(
        self,
        platform: Platform,
        run: RunId,
        declaration: FeedDeclaration,
        stream: str,
        into: Path,
    ) -> None:
        """Begin; nothing is read yet. Plaintext of encrypted parts goes into a private folder."""
        self._platform, self._run, self._into = platform, run, into
        self._declaration, self._stream = declaration, stream
        self._reach = max(declaration.dedupe.horizon_runs, history_reach(declaration))
        before = corrections_of(platform, run.feed).windows_before(run, self._reach)
        since = before[0][0].sequence if before else run.sequence
        first = declaration.leading_stream
        self._logs = {
            name: SettlementLog(platform.store, run.feed, name, since=since)
            for name in dict.fromkeys((first, stream))
        }
        self._first = self._logs[first]
        self._opened: dict[tuple[RunId, str], EarlierRows | None] = {}
        self._receipts: dict[RunId, Mapping[str, Any]] = {}
        self._manifests: dict[tuple[RunId, str], str] = {}
        self._closed: list[RunId] = []
        self._stack = ExitStack()
        self.log = self._logs[stream]
        self.counted: list[Counted] = []

    def __enter__(self) -> Self:
        """Begin; what is decrypted of products goes with the end of the context."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the products."""
        self._stack.close()

    def look(self) -> Settlement | None:
        """Read what has come to count since; return the run's own entry if it is settled already.

        Raises:
            PredecessorOpen: a run has to be closed, or settled, before this one can be.
            ChainBroken: the log is not what it was.
        """
        for log in self._logs.values():
            log.read()
        own = self.log.entry_of(self._run)
        if own is not None:
            return own
        corrections = corrections_of(self._platform, self._run.feed)
        settled = self._before(corrections) | self._after(corrections)
        self._require_first(settled)
        self.counted = [self._counted(*settled[number]) for number in sorted(settled)]
        return None

    def use(self, recorded: Mapping[str, Any]) -> None:
        """Let exactly those count that a recorded receipt says: what a replay does."""
        self._closed = list({RunId.parse(g["run_id"]): None for g in recorded["horizon"]})
        self.counted = [
            Counted(
                given["number"],
                RunId.parse(given["run_id"]),
                given["admission_digest"],
                given["products"],
            )
            for given in recorded["settlement"]["consulted"]
        ]

    def consult(self, event: str) -> Sequence[EarlierRows]:
        """Return what each run that counts admitted of an event, in the order in which they count.

        Raises:
            GateRefusal: a product of a closed run may not be read.
            AdmissionInconsistent: what an open run admitted is not there as its receipt says.
        """
        product = product_of(self._declaration, event)
        found = [
            self._certified(run, event, product)
            for run in self._closed
            if has_rows_of(self._platform, self._run, self._stream, event, run)
        ]
        found += [
            self._rows(counted, event) for counted in self.counted if event in counted.products
        ]
        return found

    def shared(self, event: str, columns: Sequence[Column]) -> list[Column] | None:
        """Return the columns of an event that all runs that count had with the same type."""
        return shared_columns(self.consult(event), columns)

    @property
    def horizon(self) -> list[dict[str, str]]:
        """The products that counted because their runs are closed, as receipts list them."""
        events = self._declaration.streams[self._stream].events
        products = [product_of(self._declaration, event) for event in events]
        return [
            {
                "run_id": str(run),
                "product": product,
                "manifest_digest": self._manifests[run, product],
            }
            for product in products
            for run in self._closed
            if (run, product) in self._manifests
        ]

    def _before(self, corrections: Corrections) -> dict[int, tuple[Settlement, RunId]]:
        """Return what counts of windows before the run's, by number, and note which are closed."""
        settled: dict[int, tuple[Settlement, RunId]] = {}
        self._closed = []
        windows = corrections.windows_before(self._run, self._reach)
        counting = len(windows) - self._declaration.dedupe.horizon_runs
        for position, chain in enumerate(windows):
            counts = newest_closed(self._platform, chain)
            entry = self.log.entry_of(chain[0])
            if counts is not None and counts != chain[-1]:
                raise correction_open(self._run, chain[-1], counts)
            if counts is None and entry is None:
                read = self.log is self._first and position >= self._history_from(windows)
                self._require_side_by_side(chain[0], read=read)
            elif position < counting:
                continue  # it is read as history, and its identities do not count
            elif entry is not None:
                settled[entry.number] = (entry, counts or entry.run)
            elif counts is not None:
                self._closed.append(counts)
        return settled

    def _after(self, corrections: Corrections) -> dict[int, tuple[Settlement, RunId]]:
        settled: dict[int, tuple[Settlement, RunId]] = {}
        for chain in corrections.windows_after(self._run, self._declaration.dedupe.horizon_runs):
            entry = self.log.entry_of(chain[0])
            if entry is not None:
                settled[entry.number] = (entry, newest_closed(self._platform, chain) or entry.run)
        return settled

    def _history_from(self, windows: Sequence[object]) -> int:
        return len(windows) - history_reach(self._declaration)

    def _require_side_by_side(self, before: RunId, *, read: bool) -> None:
        """Require of an open run that is not settled that nobody waits for it."""
        declared = self._platform.run_configuration(before).declaration
        if not declared.side_by_side:
            require_closed(self._platform, self._run, [before])
        elif read:
            raise self._unsettled(before, "because it is read here once it is closed")

    def _require_first(self, settled: Mapping[int, tuple[Settlement, RunId]]) -> None:
        """Hold the order of the first stream in the others."""
        if self.log is self._first:
            return
        own = self._first.entry_of(self._run)
        if own is None:
            first = self._declaration.leading_stream
            raise PredecessorOpen(
                f"{self._stream} of {self._run}",
                expected=f"{first} admitted first",
                found=f"{first} not admitted",
                remedy=f"Admit it first: platform-assets run {self._run.feed}",
            )
        here = {entry.run for entry, _ in settled.values()}
        for entry in self._first.entries:
            near = abs(entry.run.sequence - self._run.sequence) <= self._reach
            if entry.number >= own.number or not near or entry.run in here:
                continue
            if self.log.entry_of(entry.run) is None and not is_closed(self._platform, entry.run):
                raise self._unsettled(entry.run, "because its first stream was settled before")

    def _unsettled(self, before: RunId, why: str) -> PredecessorOpen:
        return PredecessorOpen(
            f"{self._stream} of {self._run}",
            expected=f"{self._stream} of {before} admitted, {why}",
            found=f"{before} open, and its {self._stream} not admitted",
            remedy=f"Go on with it first: platform-assets run {self._run.feed}",
        )

    def _counted(self, entry: Settlement, counts: RunId) -> Counted:
        if counts not in self._receipts:
            self._receipts[counts] = (
                settled_receipt(self._platform.store, self._stream, entry)
                if counts == entry.run
                else self._receipt_of(counts)
            )
        receipt = self._receipts[counts]
        events = self._declaration.streams[self._stream].events
        products = {
            event: product_of(self._declaration, event)
            for event in events
            if event in receipt["events"]
        }
        return Counted(entry.number, counts, digest(receipt), products)

    def _receipt_of(self, run: RunId) -> Mapping[str, Any]:
        path = layout.admission_receipt_path(run, self._stream)
        return read_record(self._platform.store, path, "admission")

    def _rows(self, counted: Counted, event: str) -> EarlierRows:
        known = self._opened.get((counted.run, event))
        if known is None and is_closed(self._platform, counted.run):
            known = self._certified(counted.run, event, counted.products[event])
        elif known is None:
            known = self._admitted(counted.run, event)
        self._opened[counted.run, event] = known
        return known

    def _certified(self, run: RunId, event: str, product: str) -> EarlierRows:
        known = self._opened.get((run, event))
        if known is None or (run, product) not in self._manifests:
            opened = self._stack.enter_context(open_product(self._platform, run, product))
            self._manifests[run, product] = opened.manifest_digest
            known = self._opened[run, event] = certified_rows(opened)
        return known

    def _admitted(self, run: RunId, event: str) -> EarlierRows:
        into = self._into / str(run) / event
        into.mkdir(mode=0o700, parents=True)
        admitted = admitted_of(self._platform, self._receipts[run], event, into)
        configuration = self._platform.run_configuration(run)
        contract = configuration.declaration.event(event).contract
        columns = configuration.contracts[contract].columns
        return EarlierRows(str(run), columns, admitted.accepted, admitted.excluded)
