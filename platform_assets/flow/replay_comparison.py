"""What of a run's records a replay holds against the recorded ones.

A replay makes a run's records again: how the stream was delivered, how it was admitted, the parts of
every product, the outcome of every check, what consumers read. Records differ where they may: in times,
keys, generations, in the code that made them, and in the digests that follow from these. Nothing else
may differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from platform_assets.flow.replay import Divergence, Sameness

Record = Mapping[str, Any]

#: Fields of a record that are no property of what was processed.
_BESIDE = {
    "landing": ("parts", "copied_from"),
    "admission": ("version", "landing_digest", "events", "duplicates", "quarantine"),
    "manifest": ("generation", "code", "inputs", "parts", "encryption"),
}
_CHECK_FIELDS = ("name", "check", "outcome", "observed", "expected")
_INPUT_FIELDS = ("product", "run_id", "rows")
_CONSULTED_FIELDS = ("manifest_digest", "certificate_digest")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that stand in parts: of a stream, of an outcome of admission, of a product.

    ``parts`` are as receipts list them, with a path in the store.
    """

    name: str
    parts: tuple[Record, ...]

    @property
    def rows(self) -> int:
        """The number of rows of all parts."""
        return sum(part["rows"] for part in self.parts)

    @property
    def hashes(self) -> tuple[tuple[str, int], ...]:
        """SHA-256 and rows of each part, in order; of an encrypted one those of its plaintext."""
        return tuple((p.get("plaintext", p)["sha256"], p["rows"]) for p in self.parts)

    def first_other_part(self, rebuilt: Table) -> str:
        """Return the path of the first part whose bytes are others, or nothing."""
        theirs = rebuilt.hashes
        for number, part in enumerate(self.parts):
            if number >= len(theirs) or theirs[number] != self.hashes[number]:
                return str(part["path"])
        return str(rebuilt.parts[len(self.parts)]["path"]) if len(theirs) > len(self.parts) else ""


def engines_differ(recorded: Sequence[Record], now: Record) -> dict[str, tuple[str, str]]:
    """Return engine -> (recorded, now) of each that any of the recorded identities has otherwise."""
    found: dict[str, tuple[str, str]] = {}
    for engines in recorded:
        for name in sorted({*engines, *now}):
            versions = (str(engines.get(name, "none")), str(now.get(name, "none")))
            if versions[0] != versions[1]:
                found.setdefault(name, versions)
    return found


def landing_problems(recorded: Record, rebuilt: Record) -> list[str]:
    """Return in what a landing receipt differs from the recorded one, but for its parts.

    Of a gap only its length counts: what a broker calls aborted today it may have compacted tomorrow.
    """
    problems = []
    theirs = {part["partition"]: part for part in rebuilt["partitions"]}
    for part in recorded["partitions"]:
        name = part["partition"]
        found = theirs.get(name, {}).get("delivered", 0)
        if found != part["delivered"]:
            problems.append(f"partition {name} delivered {part['delivered']}, now {found}")
    beside = ("partitions", "delivered", *_BESIDE["landing"])
    return problems + _field_problems(recorded, rebuilt, beside)


def only_lost(recorded: Record, rebuilt: Record, divergence: Divergence) -> bool:
    """Tell whether a stream delivers less than it did, and nothing else is known to be wrong with it.

    A value that differs at a position is never taken for a record that is gone.
    """
    theirs = {part["partition"]: part["delivered"] for part in rebuilt["partitions"]}
    counts = [
        (part["delivered"], theirs.get(part["partition"], 0)) for part in recorded["partitions"]
    ]
    fewer = any(now < then for then, now in counts) and all(now <= then for then, now in counts)
    return fewer and not divergence.column


def admission_problems(recorded: Record, rebuilt: Record) -> list[str]:
    """Return in what an admission receipt differs from the recorded one, but for its parts."""
    rows = [{e: table["rows"] for e, table in r["events"].items()} for r in (recorded, rebuilt)]
    problems = [f"events {_short(rows[0])}, now {_short(rows[1])}"] if rows[0] != rows[1] else []
    return problems + _field_problems(recorded, rebuilt, _BESIDE["admission"])


def manifest_problems(recorded: Record, rebuilt: Record) -> list[str]:
    """Return in what a manifest differs from the recorded one, but for its parts and inputs.

    An older one names no profile.
    """
    unnamed = () if "profile" in recorded else ("profile",)
    return _field_problems(recorded, rebuilt, (*_BESIDE["manifest"], *unnamed))


def certificate_problems(recorded: Record, rebuilt: Record) -> list[str]:
    """Return which checks came out otherwise, and whether other products of other runs were consulted.

    The digests of certificates of the run itself follow from the key that signs.
    """
    problems = []
    theirs = {check["name"]: check for check in rebuilt["checks"]}
    for check in recorded["checks"]:
        found = theirs.pop(check["name"], {})
        problems += [
            f"check {check['name']}: {key} {check[key]!r}, now {found.get(key)!r}"
            for key in _CHECK_FIELDS
            if check[key] != found.get(key)
        ]
    problems += [f"check {name} was not run then" for name in theirs]
    if _consulted(recorded) != _consulted(rebuilt):
        problems.append("it consulted other products of other runs")
    return problems + _field_problems(recorded, rebuilt, (), only=("verdict", "policy_digest"))


def consumption_problems(recorded: Record, rebuilt: Record) -> list[str]:
    """Return in what a consumer read other things than it is recorded to have read."""
    own = recorded["run_id"]

    def read(record: Record) -> list[dict[str, Any]]:
        return [
            {
                key: given[key]
                for key in (*_INPUT_FIELDS, *(_CONSULTED_FIELDS if given["run_id"] != own else ()))
            }
            for given in record["inputs"]
        ]

    return [] if read(recorded) == read(rebuilt) else ["it read other products"]


def compared_tables(recorded: Sequence[Table], rebuilt: Sequence[Table]) -> Sameness:
    """Return BYTES where all parts of all tables have the recorded hashes, else DIFFERENT."""
    theirs = {table.name: table.hashes for table in rebuilt}
    same = {table.name: table.hashes for table in recorded} == theirs
    return Sameness.BYTES if same else Sameness.DIFFERENT


def landing_tables(receipt: Record, folder: str) -> list[Table]:
    """Return the table of a landed stream, its parts by their paths in the store."""
    return [_table(f"landing of {receipt['stream']}", receipt["parts"], folder)]


def admission_tables(receipt: Record, folder: str, *, events: bool = True) -> list[Table]:
    """Return the tables of an admitted stream: its events, its duplicates, its quarantine.

    The tables of events hold accepted rows, and in receipts of version 1 only those that are admitted,
    so that they are left out where receipts of two versions are compared: the products tell.
    """
    named = {k: receipt[k] for k in ("duplicates", "quarantine")}
    if events:
        named = {**receipt["events"], **named}
    return [_table(name, table["parts"], folder) for name, table in named.items()]


def product_tables(manifest: Record, folder: str) -> list[Table]:
    """Return the table of a generation of a product, which stands in the folder."""
    parts = [{**part, "path": part["name"]} for part in manifest["parts"]]
    return [_table(manifest["product"], parts, folder)]


def _table(name: str, parts: Sequence[Record], folder: str) -> Table:
    return Table(name, tuple({**part, "path": f"{folder}/{part['path']}"} for part in parts))


def _consulted(certificate: Record) -> list[tuple[str, str, str]]:
    own = certificate["run_id"]
    return sorted(
        {
            (given["product"], given["run_id"], given["certificate_digest"])
            for given in certificate["consulted"]
            if given["run_id"] != own
        }
    )


def _field_problems(
    recorded: Record, rebuilt: Record, beside: Sequence[str], only: Sequence[str] = ()
) -> list[str]:
    names = only or [name for name in (*recorded, *rebuilt) if name not in beside]
    return [
        f"{name} {_short(recorded.get(name))}, now {_short(rebuilt.get(name))}"
        for name in dict.fromkeys(names)
        if recorded.get(name) != rebuilt.get(name)
    ]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004 - a line of a terminal
