"""The sample records of a load, held against the contract before anything is sent.

Each record has to be one that the stream's contract accepts, as it stands and with the values that
events get: the longest and the shortest, the first and the last. What breaks the contract has to be
refused for exactly the reason that its kind says. So the auditor can tell from the schedule alone what
has to stand in a product, and what in the quarantine.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from platform_assets.contracts.derivation import derive
from platform_assets.contracts.events import EventRule, value_at
from platform_assets.contracts.judge import StreamJudge
from platform_assets.errors import ConfigurationError
from platform_assets.lanes.schedule import REASONS, Kind
from platform_assets.lanes.templates import (
    Fields,
    Template,
    cut_off,
    template_of,
    with_another_type,
    without_a_property,
)
from platform_assets.lanes.workload import millionths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from platform_assets.contracts.registry import ContractRegistry
    from platform_assets.declarations.feed import EventDeclaration
    from platform_assets.lanes.workload import Workload

_GOOD = (Kind.GOOD, Kind.DUPLICATE, Kind.LATE)


@dataclass(frozen=True, slots=True)
class SampleRecord:
    """A sample record: its place, and its template for each kind of event."""

    thing: str
    templates: Mapping[Kind, Template]


class SampleRecords:
    """Reads sample records for a stream whose events and contracts are given."""

    def __init__(
        self,
        workload: Workload,
        prefix: str,
        events: Mapping[str, EventDeclaration],
        contracts: ContractRegistry,
    ) -> None:
        self._workload = workload
        self._prefix = prefix
        self._rules = [
            EventRule(
                name=name,
                contract=contracts.contract(event.contract),
                id_path=_path(event.id),
                when={_path(path): value for path, value in event.when.items()},
            )
            for name, event in events.items()
        ]
        self._times = {name: event.time for name, event in events.items()}
        self._judge = StreamJudge(self._rules)

    def read(self) -> tuple[SampleRecord, ...]:
        """Return the samples.

        Raises:
            ConfigurationError: there is none, or one cannot be used; it says which, and why.
        """
        stream, lines = self._workload.stream, self._workload.sample.splitlines()
        samples = tuple(
            self._read(f"sample record {number} for {stream}", line)
            for number, line in enumerate(lines, 1)
            if line.strip()
        )
        if not samples:
            raise refused(f"sample records for {stream}", "one record a line, or more", "none")
        return samples

    def reasons(self, records: Iterable[bytes]) -> list[set[str]]:
        """Return for each record why it is refused: nothing where it is not."""
        values = pl.Series(list(records), dtype=pl.Binary)
        found: list[set[str]] = [set() for _ in values]
        for refusal in self._judge.judge(values).refused.iter_rows(named=True):
            found[refusal["_row"]] = {reason["code"] for reason in refusal["reasons"]}
        return found

    def _read(self, thing: str, line: str) -> SampleRecord:
        try:
            record = json.loads(line)
        except ValueError as error:
            raise refused(thing, "a JSON object on one line", str(error)) from None
        if why := self.reasons([line.encode()])[0]:
            raise refused(thing, "a record that the contract accepts", f"{', '.join(sorted(why))}")
        rule = next(rule for rule in self._rules if rule.matches(record))
        fields = self._fields(thing, record, rule)
        whole = template_of(record, fields, self._prefix)
        templates = dict.fromkeys(_GOOD, whole)
        if millionths(self._workload.invalid):
            templates |= self._broken(thing, record, fields, whole)
        return SampleRecord(thing, templates)

    def _fields(self, thing: str, record: Any, rule: EventRule) -> Fields:
        time, sizes = self._times[rule.name], self._workload.sizes
        fields = Fields(
            id=rule.id_path,
            time=_path(time) if time else None,
            key=_path(self._workload.key_field),
            fill=_path(sizes.field) if sizes else None,
            unit=_unit(rule, _path(time)) if time else None,
            when=tuple(rule.when),
        )
        paths = fields.paths()
        for slot, path in paths.items():
            found = value_at(record, path)
            wanted: tuple[type, ...] = (str,)
            if slot == "key" or (slot == "time" and fields.unit):
                wanted = (str, int) if slot == "key" else (int,)
            if type(found) not in wanted:
                kinds = " or ".join({str: "a text", int: "an integer"}[kind] for kind in wanted)
                told = "nothing" if found is None else f"a {type(found).__name__}"
                raise refused(thing, f"{kinds} at {'.'.join(path)}, its {slot}", told)
        if len(set(paths.values())) < len(paths):
            shown = ", ".join(f"{slot} at {'.'.join(path)}" for slot, path in paths.items())
            raise refused(thing, "a field of its own for each", shown)
        return fields

    def _broken(
        self, thing: str, record: dict[str, Any], fields: Fields, whole: Template
    ) -> dict[Kind, Template]:
        """Return a template for each invalid kind, the first that is refused for its reason alone."""
        makers: dict[Kind, Callable[..., Iterable[dict[str, Any]]]] = {
            Kind.MISSING_REQUIRED: without_a_property,
            Kind.WRONG_TYPE: with_another_type,
        }
        templates = {Kind.INVALID_JSON: cut_off(whole)}
        for kind, maker in makers.items():
            candidates = list(maker(record, fields))
            why = self.reasons(json.dumps(candidate).encode() for candidate in candidates)
            if {REASONS[kind]} not in why:
                raise refused(
                    thing,
                    f"a property by whose change it is refused for {REASONS[kind]} alone",
                    "none besides its id and what tells its event type; send no invalid events",
                )
            chosen = candidates[why.index({REASONS[kind]})]
            templates[kind] = template_of(record, fields, self._prefix, chosen)
        return templates


def refused(thing: str, expected: str, found: str | Sequence[str]) -> ConfigurationError:
    """Return the error of a sample that cannot be used."""
    return ConfigurationError(
        thing,
        expected=expected,
        found=found,
        remedy="Correct the workload of the plan: its `sample`, or the fields that it names.",
    )


def _path(dotted: str) -> tuple[str, ...]:
    return tuple(dotted.split("."))


def _unit(rule: EventRule, path: tuple[str, ...]) -> int | None:
    """Return the microseconds in a unit of an event time that the contract declares as an integer."""
    derived = derive(rule.contract.root, rule.contract.library)
    for name in path:
        found = dict(derived.fields).get(name)
        if found is None:
            return None
        derived = found
    return derived.unit
