"""The records of one run, as bytes with their paths: what a closure judges and a verifier judges again.

Both build the same value, one from the store and the other from the evidence, and so both come to the
same verdict. Nothing here is believed because of where it stands: bytes that are not canonical, not
valid, or of another run than their path says are kept as problems.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from platform_assets.canonical import digest_bytes, parse_canonical
from platform_assets.contracts.records import check_record
from platform_assets.errors import RecordInvalid, RecordNotCanonical
from platform_assets.flow.places import NAME_FIELDS, NUMBER_FIELDS, SIGNED, Place, place_of
from platform_assets.flow.signing import unverified_predicate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.identifiers import RunId
    from platform_assets.ports.signer import Trust


@dataclass(frozen=True, slots=True)
class Document:
    """One record: its bytes, what its path says, and its value where it is sound."""

    path: str
    data: bytes
    place: Place | None
    value: Mapping[str, Any]
    problem: str

    @property
    def digest(self) -> str:
        """The digest of the bytes."""
        return digest_bytes(self.data)


@dataclass(frozen=True, kw_only=True)
class RunRecords:
    """Everything that a run's requirements are judged from.

    Attributes:
        run: the run to be closed.
        documents: path -> bytes: the run's own records; the anchors before it; the configuration;
            claims and voids up to the epoch; seals, bundles, manifests and certificates of other
            runs that it refers to; revocations.
        policies: product -> the policy record under which it has to be certified.
        epoch: the epoch of the claim under which the run is closed.
        nonce: the nonce of that claim.
        trust: the keys whose signatures count.
        secrets: values that no record may hold.
        searched_by: the detector by whose forms the records were searched, as their evidence says; None
            where there is no evidence yet.
    """

    run: RunId
    documents: Mapping[str, bytes]
    policies: Mapping[str, Mapping[str, Any]]
    epoch: int
    nonce: str
    trust: Trust
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    searched_by: str | None = None

    @cached_property
    def parsed(self) -> Mapping[str, Document]:
        """All documents, parsed, by path in sorted order."""
        return {path: parse_document(path, self.documents[path]) for path in sorted(self.documents)}

    @cached_property
    def _by_place(self) -> Mapping[Place, Document]:
        return {d.place: d for d in self.parsed.values() if d.place is not None}

    def at(self, place: Place) -> Document | None:
        """Return the document at a place, None where there is none."""
        return self._by_place.get(place)

    def sound(self, place: Place) -> Document | None:
        """Return the document at a place if it has no problem."""
        found = self.at(place)
        return found if found is not None and not found.problem else None

    def own(self, kind: str) -> list[Document]:
        """Return the run's documents of one kind, in the order of their paths."""
        return [
            d
            for d in self.parsed.values()
            if d.place is not None and d.place.kind == kind and d.place.run_id == str(self.run)
        ]

    @cached_property
    def anchors(self) -> Document | None:
        """The run's anchors, if they are sound."""
        return self.sound(Place("anchors", name=self.run.feed, number=self.run.sequence))

    @cached_property
    def predecessor(self) -> Document | None:
        """The anchors before the run's, whatever state they are in."""
        return self.at(Place("anchors", name=self.run.feed, number=self.run.sequence - 1))

    @cached_property
    def configuration(self) -> Document | None:
        """The configuration that the anchors name, if it is sound."""
        if self.anchors is None:
            return None
        hex_digest = self.anchors.value["config_digest"].removeprefix("sha256:")
        return self.sound(Place("configuration", name=hex_digest))

    @cached_property
    def declaration(self) -> Mapping[str, Any]:
        """The feed as it was declared when the run was pinned; empty where that is not known."""
        return self.configuration.value["declaration"] if self.configuration else {}

    def outputs(self) -> list[str]:
        """Return the names of all declared products and consumers."""
        declared = self.declaration
        return [*declared.get("products", ()), *declared.get("consumers", ())]

    def receipt(self, kind: str, stream: str) -> Document | None:
        """Return the landing or admission receipt of a stream, if it is sound."""
        return self.sound(Place(kind, str(self.run), stream))

    def newest_generation(self, product: str) -> int | None:
        """Return the highest generation that was claimed or written, None where there is none."""
        places = [d.place for kind in ("manifest", "generation") for d in self.own(kind)]
        return max((p.number for p in places if p and p.name == product), default=None)

    def manifest(self, product: str) -> Document | None:
        """Return the manifest of the newest generation, whatever state it is in."""
        generation = self.newest_generation(product)
        return self.at(Place("manifest", str(self.run), product, generation or 0))

    def certificate(self, product: str) -> Document | None:
        """Return the newest certificate of the newest generation, whatever state it is in."""
        generation = self.newest_generation(product)
        issued = [
            (d.place.issue, d)
            for d in self.own("certificate")
            if d.place and (d.place.name, d.place.number) == (product, generation)
        ]
        return max(issued, key=lambda i: i[0])[1] if issued else None

    def revocations(self, product: str) -> list[bytes]:
        """Return the revocations of a product in this run, whatever state they are in."""
        return [d.data for d in self.own("revocation") if d.place and d.place.name == product]

    def consumption(self, consumer: str) -> Document | None:
        """Return the consumption record for the newest generation of the output, if it is sound."""
        generation = self.newest_generation(consumer)
        return self.sound(Place("consumption", str(self.run), consumer, generation or 0))


def parse_document(path: str, data: bytes) -> Document:
    """Parse a record, and say what is wrong with it where something is."""
    place = place_of(path)
    if place is None:
        return Document(path, data, None, {}, "no record has its place there")
    try:
        value = parse_canonical(data, path)
    except RecordNotCanonical as error:
        return Document(path, data, place, {}, f"expected {error.expected}, found {error.found}")
    problem = _problem(place, value, data)
    return Document(path, data, place, {} if problem else value, problem)


def _envelope_problem(place: Place, envelope: Mapping[str, Any]) -> str:
    """Compare what an envelope claims with its path; whether it may claim it shows when opened."""
    claimed = unverified_predicate(envelope)
    record = claimed.get("certificate") if place.kind == "certificate" else claimed
    if not isinstance(record, dict) or record.get("record") != place.kind:
        return f"not a signed {place.kind}"
    expected: dict[str, str | int] = {SIGNED[place.kind]: place.number}
    if place.run_id:
        expected["run_id"] = place.run_id
    if place.name:
        expected[NAME_FIELDS.get(place.kind, "product")] = place.name
    wrong = [f"{key} {record.get(key)!r}" for key, v in expected.items() if record.get(key) != v]
    return ", ".join(wrong) + ", which its path does not say" if wrong else ""


def _problem(place: Place, value: Any, data: bytes) -> str:
    if not isinstance(value, dict):
        return "not a JSON object"
    if "record" not in value and place.kind in SIGNED:
        return _envelope_problem(place, value)
    try:
        check_record(value, place.kind)
    except RecordInvalid as error:
        return error.found
    kind = "void" if place.kind == "seal" else place.kind
    expected = {
        "record": kind,
        "run_id": place.run_id or value.get("run_id"),
        NAME_FIELDS.get(kind, "record"): place.name if kind in NAME_FIELDS else kind,
        NUMBER_FIELDS.get(place.kind, "record"): place.number
        if place.kind in NUMBER_FIELDS
        else kind,
    }
    if kind == "configuration":
        del expected["run_id"]
        if digest_bytes(data) != f"sha256:{place.name}":
            return f"digest {digest_bytes(data)}"
    wrong = [
        f"{key} {value.get(key)!r}" for key, word in expected.items() if value.get(key) != word
    ]
    return ", ".join(wrong) + ", which its path does not say" if wrong else ""
