"""What ledgers and slices name, held against the columns that there are.

An entry has a subject, an identity and an instant, so none of them may be null in the output that it
comes from; an output whose rows lack one of them says which rows have it by `where`, or is made into
one that does by a consumer. A value is of single values whose text is the same wherever they are equal,
which excludes floating-point numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.contracts.columns import Column, Decimal, Scalar, Struct
from platform_assets.declarations.column_paths import TYPE_OF_VALUE, find_column, no_column

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from platform_assets.declarations.feed import FeedDeclaration
    from platform_assets.declarations.ledgers import EntriesDeclaration, SliceDeclaration

    Location = tuple[str | int, ...]
    Problem = tuple[Location, str]
    Columns = Mapping[str, Sequence[Column]]

_IDENTIFYING = (Scalar.STRING, Scalar.INT64)


def ledger_problems(feed: FeedDeclaration, columns: Columns) -> Iterator[Problem]:
    """Yield what is wrong with the ledgers and slices of a feed, each with its place."""
    for name, consumer in feed.consumers.items():
        if consumer.ledger is not None:
            for index, entries in enumerate(consumer.ledger.entries):
                known = columns.get(entries.product)
                if known is not None:
                    at = ("consumers", name, "ledger", "entries", index)
                    yield from _entries(at, entries, known)
        if consumer.slice is not None:
            yield from _slice(("consumers", name, "slice"), consumer.slice, feed, columns)


def _entries(
    at: Location, declared: EntriesDeclaration, columns: Sequence[Column]
) -> Iterator[Problem]:
    product = declared.product
    yield from _identifying((*at, "subject"), product, declared.subject, columns)
    yield from _identifying((*at, "identity"), product, declared.identity, columns)
    if declared.target is not None:
        yield from _identifying((*at, "target"), product, declared.target, columns)
    effective = _column(columns, declared.effective)
    yield from _wrong((*at, "effective"), product, declared.effective, columns)
    if effective is not None and effective.type != Scalar.TIMESTAMP:
        text = f"{declared.effective} is no date-time, so it says no instant"
        yield (*at, "effective"), text
    for index, path in enumerate(declared.value):
        column = find_column(columns, path)
        here = (*at, "value", index)
        if column is None:
            yield here, no_column(product, path, columns)
        elif column.type == Scalar.FLOAT64 or not isinstance(column.type, Scalar | Decimal):
            text = f"{path} is no single value whose text is the same wherever it is equal"
            yield here, f"{text}; name a text, an integer, a boolean, a decimal or a time"
    for path, value in declared.where.items():
        column, here = find_column(columns, path), (*at, "where", path)
        if column is None:
            yield here, no_column(product, path, columns)
        elif column.type != TYPE_OF_VALUE[type(value)]:
            yield here, f"{value!r} can never be found in {path} of {product}"


def _slice(
    at: Location, declared: SliceDeclaration, feed: FeedDeclaration, columns: Columns
) -> Iterator[Problem]:
    ledger = feed.consumers.get(declared.ledger)
    if ledger is None or ledger.ledger is None:
        ledgers = [name for name, each in feed.consumers.items() if each.ledger is not None]
        named = ", ".join(ledgers) or "none is declared"
        yield (*at, "ledger"), f"{declared.ledger} is no ledger; ledgers: {named}"
    target = declared.targets
    known = columns.get(target.product)
    if known is not None:
        here = (*at, "targets", "subject")
        yield from _identifying(here, target.product, target.subject, known)


def _identifying(
    at: Location, product: str, path: str, columns: Sequence[Column]
) -> Iterator[Problem]:
    yield from _wrong(at, product, path, columns)
    column = _column(columns, path)
    if column is not None and column.type not in _IDENTIFYING:
        yield at, f"{path} of {product} is neither text nor an integer"


def _wrong(at: Location, product: str, path: str, columns: Sequence[Column]) -> Iterator[Problem]:
    if find_column(columns, path) is None:
        yield at, no_column(product, path, columns)
    elif _column(columns, path) is None:
        yield at, f"{path} of {product} may be null, and an entry needs it"


def _column(columns: Sequence[Column], path: str) -> Column | None:
    """Return the column that a path names, None where it, or what it stands in, may be null."""
    first, _, rest = path.partition(".")
    for column in columns:
        if column.name == first and not column.nullable:
            if not rest:
                return column
            return _column(column.type.fields, rest) if isinstance(column.type, Struct) else None
    return None
