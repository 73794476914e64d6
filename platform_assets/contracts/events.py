"""Which event a record is, and what identifies it.

A stream may carry several events; each rule says by which values its records are known, and the first
rule that matches decides. An event id is a string that is not empty, or an integer.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.contracts.registry import Contract

    Path = tuple[str, ...]


@dataclass(frozen=True)
class EventRule:
    """One event of a stream: its contract, the path of its id, and how its records are known."""

    name: str
    contract: Contract
    id_path: Path
    when: Mapping[Path, str | int | bool]

    def matches(self, record: Any) -> bool:
        """Tell whether the record is this event. Without conditions, every record is."""
        return all(same_value(value_at(record, path), wanted) for path, wanted in self.when.items())

    def id_of(self, record: Any) -> str | None:
        """Return the event id as text, or nothing where there is none."""
        value = value_at(record, self.id_path)
        if type(value) is Decimal and value == value.to_integral_value():
            value = int(value)
        if type(value) is int:
            return str(value)
        return value or None if type(value) is str else None


def value_at(record: Any, path: Path) -> Any:
    """Return the value at a path of property names, or None where it leads nowhere."""
    for name in path:
        if type(record) is not dict:
            return None
        record = record.get(name)
    return record


def same_value(found: Any, wanted: str | int | bool) -> bool:
    """Compare as JSON does: true is not 1, and 1.0 is 1."""
    if type(found) is bool or type(wanted) is bool:
        return found is wanted
    return bool(found == wanted)
