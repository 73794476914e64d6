"""Making a run again, step by step, and holding each step against what is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.errors import (
    GapUnproven,
    KeyDenied,
    KeyInvalid,
    KeyMissing,
    OffsetExpired,
    OffsetTruncated,
    Refusal,
    SourceChanged,
)
from platform_assets.flow import replay_comparison as flow
from platform_assets.flow.replay import Compared, Divergence, Sameness
from platform_assets.flow.requirements_of_proofs import permit_of
from platform_assets.pipeline import layout
from platform_assets.pipeline.admit import admit
from platform_assets.pipeline.build import build
from platform_assets.pipeline.certify import certify
from platform_assets.pipeline.consume import consume
from platform_assets.pipeline.divergence import (
    Held,
    first_problem,
    refused,
)
from platform_assets.pipeline.held_tables import HeldTables
from platform_assets.pipeline.land import land_from_source
from platform_assets.pipeline.records import read_record, write_record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from platform_assets.pipeline.replay_evidence import Evidence
    from platform_assets.pipeline.replay_platform import ReplayPlatform
    from platform_assets.pipeline.run import Progress

#: What says that a stream no longer has the records of the run.
_LOST = (OffsetExpired, OffsetTruncated, SourceChanged, GapUnproven)
_KEYS = (KeyDenied, KeyInvalid, KeyMissing)


class Rebuild:
    """One attempt to make a run again: what was compared so far, and what diverged first."""

    def __init__(
        self, platform: ReplayPlatform, evidence: Evidence, progress: Progress, *, exact: bool
    ) -> None:
        """Begin; ``exact`` says that the engines are those of the run, so that bytes decide."""
        self.compared: list[Compared] = []
        self.divergence: Divergence | None = None
        self._platform = platform
        self._evidence = evidence
        self._records = evidence.records
        self._run = evidence.records.run
        self._folder = layout.run_folder(self._run)
        self._progress = progress
        self._tables = HeldTables(platform, evidence, exact=exact)

    def land(self) -> str:
        """Land every stream from its anchors; return which one has lost what, if nothing else is wrong.

        What was lost has diverged as well; whoever can go on without it begins anew. A stream with
        other records than were landed has diverged, whatever another stream has lost.

        Raises:
            SourceUnreachable: a stream did not answer.
        """
        lost: list[str] = []
        different: list[Divergence] = []
        for stream in self._streams():
            with self._progress.step(self._run, "land", stream):
                divergence, gone = self._hold_landing(stream)
            if gone:
                lost.append(gone)
            elif divergence is not None:
                different.append(divergence)
        if different:
            self.divergence = different[0]
        return lost[0] if lost and not different else ""

    def _hold_landing(self, stream: str) -> tuple[Divergence | None, str]:
        """Land a stream and compare; return where it diverged, and what it has lost if it has."""
        recorded = self._recorded("landing", stream)
        try:
            rebuilt = self._landed(stream)
        except _KEYS:
            raise
        except Refusal as refusal:
            held = refused("land", stream, refusal)
            self._note(held)
            gone = isinstance(refusal, _LOST)
            return held[1], f"{stream}: {refusal.code}: {refusal.found}" if gone else ""
        compared, divergence = self._tables.held(
            "land",
            stream,
            flow.landing_problems(recorded, rebuilt),
            flow.landing_tables(recorded, self._folder),
            flow.landing_tables(rebuilt, self._folder),
        )
        self._note((compared, divergence))
        if divergence is not None and flow.only_lost(recorded, rebuilt, divergence):
            return divergence, f"{stream} no longer has every record: {divergence.problem}"
        return divergence, ""

    def _landed(self, stream: str) -> dict[str, Any]:
        """Land a stream from its source, also where a correction had copied what was landed before."""
        anchors = self._platform.anchors(self._run)
        record = land_from_source(self._platform, self._run, stream, anchors)
        write_record(self._platform.store, layout.landing_receipt_path(self._run, stream), record)
        return record

    def make(self) -> None:
        """Make everything that follows from the landing; stop where something has diverged."""
        declaration = self._platform.feed(self._run.feed)
        self._each("admit", self._streams(), self._admit)
        self._each("build", list(declaration.products), self._build)
        self._each("certify", list(declaration.products), self._certify)
        for consumer in declaration.consumers:
            self._each("consume", [consumer], self._consume)
            self._each("certify", [consumer], self._certify)

    def _each(self, step: str, things: Sequence[str], make: Callable[[str], Held]) -> None:
        if self.divergence is not None:
            return  # what follows from a divergence tells nothing
        for thing in things:
            with self._progress.step(self._run, step, thing):
                try:
                    held = make(thing)
                except _KEYS:
                    raise  # without its keys nothing can be told of a strict product
                except Refusal as refusal:
                    held = refused(step, thing, refusal)
            self._note(held)

    def _admit(self, stream: str) -> Held:
        recorded = self._recorded("admission", stream)
        rebuilt = admit(self._platform, self._run, stream)
        alike = recorded["version"] == rebuilt["version"]
        return self._tables.held(
            "admit",
            stream,
            flow.admission_problems(recorded, rebuilt),
            flow.admission_tables(recorded, self._folder, events=alike),
            flow.admission_tables(rebuilt, self._folder, events=alike),
        )

    def _build(self, product: str) -> Held:
        return self._product("build", product, build(self._platform, self._run, product))

    def _consume(self, consumer: str) -> Held:
        manifest = consume(self._platform, self._run, consumer)
        compared, divergence = self._product("consume", consumer, manifest)
        path = layout.consumption_path(self._run, consumer, manifest["generation"])
        rebuilt = read_record(self._platform.store, path, "consumption")
        recorded = self._records.consumption(consumer)
        problems = flow.consumption_problems(recorded.value if recorded else {}, rebuilt)
        return compared.with_problems(problems), divergence or first_problem(
            "consume", consumer, problems
        )

    def _product(self, step: str, product: str, rebuilt: Mapping[str, Any]) -> Held:
        recorded = permit_of(self._records, product).manifest
        folders = [
            layout.generation_folder(self._run, product, manifest["generation"])
            for manifest in (recorded, rebuilt)
        ]
        return self._tables.held(
            step,
            product,
            flow.manifest_problems(recorded, rebuilt),
            flow.product_tables(recorded, folders[0]),
            flow.product_tables(rebuilt, folders[1]),
            has_digest=True,
        )

    def _certify(self, product: str) -> Held:
        recorded = permit_of(self._records, product).certificate
        rebuilt = certify(self._platform, self._run, product)
        problems = flow.certificate_problems(recorded, rebuilt)
        compared = Compared("certify", product, sameness=Sameness.OUTCOMES).with_problems(problems)
        return compared, first_problem("certify", product, problems)

    def _streams(self) -> list[str]:
        return [each["stream"] for each in self._platform.anchors(self._run)["streams"]]

    def _recorded(self, kind: str, stream: str) -> Mapping[str, Any]:
        document = self._records.receipt(kind, stream)
        if document is None:
            raise RuntimeError(f"verified evidence of {self._run} has no {kind} of {stream}")
        return document.value

    def _note(self, held: Held) -> None:
        compared, divergence = held
        self.compared.append(compared)
        self.divergence = self.divergence or divergence
