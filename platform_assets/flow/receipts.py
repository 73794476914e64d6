"""What receipts of landing and admission have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def parts_of_receipt(receipt: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Return every part that a receipt lists; none of a receipt that is not sound."""
    yield from receipt.get("parts", ())
    tables = [*receipt.get("events", {}).values()]
    tables += [receipt[name] for name in ("duplicates", "quarantine") if name in receipt]
    for table in tables:
        yield from table["parts"]
