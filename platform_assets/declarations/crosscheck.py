"""A declaration against its contracts: every column, path and contract that it names must exist.

What could only fail at run time is found when the feed is loaded, with the line it stands on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.contracts.columns import POSITION_COLUMNS, Column, Scalar, Struct
from platform_assets.declarations.checks import ReferentialCheck
from platform_assets.declarations.loading import problems_at
from platform_assets.errors import UnknownThing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from platform_assets.contracts.registry import Contract, ContractRegistry
    from platform_assets.declarations.checks import CheckDeclaration
    from platform_assets.declarations.feed import FeedDeclaration
    from platform_assets.declarations.yaml_positions import PositionedYaml

Location = tuple[str | int, ...]


def check_against_contracts(
    feed: FeedDeclaration, registry: ContractRegistry, document: PositionedYaml
) -> None:
    """Hold a feed against its contracts.

    Raises:
        DeclarationInvalid: it names what does not exist; all mistakes, each with its line.
        ContractInvalid: a contract cannot be used.
    """
    problems: dict[Location, str] = {}
    contracts = _contracts(feed, registry, problems)
    columns = {
        name: _columns_of(contract, is_event=name in feed.products)
        for name, contract in contracts.items()
        if name in feed.outputs()
    }
    problems |= {**dict(_event_problems(feed, contracts)), **dict(_output_problems(feed, columns))}
    if problems:
        raise problems_at(document, problems)


def _contracts(
    feed: FeedDeclaration, registry: ContractRegistry, problems: dict[Location, str]
) -> dict[str, Contract]:
    """Return the contract of each event, product and consumer by its name."""
    named: dict[Location, tuple[str, str]] = {}
    for stream, declared in feed.streams.items():
        for name, event in declared.events.items():
            named["streams", stream, "events", name, "contract"] = (f"event {name}", event.contract)
    for name, consumer in feed.consumers.items():
        named["consumers", name, "contract"] = (name, consumer.contract)
    contracts = {}
    for at, (name, ref) in named.items():
        try:
            contracts[name] = registry.contract(ref)
        except UnknownThing as error:
            problems[at] = f"no contract {ref} below the schemas folder; it holds {error.found}"
    for name, product in feed.products.items():
        if f"event {product.event}" in contracts:
            contracts[name] = contracts[f"event {product.event}"]
    return contracts


def _columns_of(contract: Contract, *, is_event: bool) -> tuple[Column, ...]:
    return (*contract.columns, *(POSITION_COLUMNS if is_event else ()))


def _event_problems(
    feed: FeedDeclaration, contracts: dict[str, Contract]
) -> Iterator[tuple[Location, str]]:
    for stream, declared in feed.streams.items():
        for name, event in declared.events.items():
            contract = contracts.get(f"event {name}")
            if contract is None:
                continue
            at: Location = ("streams", stream, "events", name)
            identity = find_column(contract.columns, event.id)
            if identity is None or identity.type not in (Scalar.STRING, Scalar.INT64):
                text = f"{event.contract} has no string or integer property {event.id}; it has "
                yield (*at, "id"), text + _names(contract.columns)
            for path in (*event.when, *([event.time] if event.time else [])):
                if find_column(contract.columns, path) is None:
                    field = "when" if path in event.when else "time"
                    yield (*at, field), f"{event.contract} has no property {path}"


def _output_problems(
    feed: FeedDeclaration, columns: dict[str, tuple[Column, ...]]
) -> Iterator[tuple[Location, str]]:
    for name, output in feed.outputs().items():
        if name not in columns:
            continue
        at: Location = ("products" if name in feed.products else "consumers", name)
        for field in ("sort", "key"):
            for column in getattr(output, field, ()):
                yield from _absent((*at, field), name, column, columns)
        for index, check in enumerate(output.checks):
            here = (*at, "checks", index)
            for column in columns_named(check):
                yield from _absent(here, name, column, columns)
            if isinstance(check, ReferentialCheck):
                yield from _absent((*here, "references"), check.product, check.references, columns)


def columns_named(check: CheckDeclaration) -> tuple[str, ...]:
    """Return the columns of its own product that a check names."""
    one = getattr(check, "column", None)
    return getattr(check, "columns", None) or ((one,) if one else ())


def _absent(
    at: Location, product: str, column: str, columns: dict[str, tuple[Column, ...]]
) -> Iterator[tuple[Location, str]]:
    known = columns.get(product)
    if known is not None and find_column(known, column) is None:
        yield at, f"{product} has no column {column}; it has {_names(known)}"


def find_column(columns: Sequence[Column], path: str) -> Column | None:
    """Return the column, or the field within structs, that a dotted path names."""
    first, _, rest = path.partition(".")
    for column in columns:
        if column.name == first:
            if not rest:
                return column
            return (
                find_column(column.type.fields, rest) if isinstance(column.type, Struct) else None
            )
    return None


def _names(columns: Sequence[Column]) -> str:
    return ", ".join(column.name for column in columns)
