"""A declaration against its contracts and functions: everything that it names must exist and fit.

What could only fail at run time is found when the feed is loaded, with the line it stands on. No code
of the user is run for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.contracts.columns import POSITION_COLUMNS, Column, ListOf, Scalar, Struct
from platform_assets.declarations.check_types import misfit
from platform_assets.declarations.checks import PythonCheck, ReferentialCheck
from platform_assets.declarations.column_paths import TYPE_OF_VALUE, find_column, meant, no_column
from platform_assets.declarations.functions import function_problem
from platform_assets.declarations.ledger_columns import ledger_problems
from platform_assets.declarations.mistakes import all_of, problems_at, suggestion
from platform_assets.errors import ConfigurationError, ContractInvalid, UnknownThing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from platform_assets.contracts.registry import Contract, ContractRegistry
    from platform_assets.declarations.checks import CheckDeclaration
    from platform_assets.declarations.feed import (
        ConsumerDeclaration,
        FeedDeclaration,
        ProductDeclaration,
    )
    from platform_assets.declarations.yaml_positions import PositionedYaml

    Location = tuple[str | int, ...]
    Problem = tuple[Location, str]
    Columns = dict[str, tuple[Column, ...]]


def check_feeds(
    feeds: Iterable[tuple[FeedDeclaration, PositionedYaml]], registry: ContractRegistry, home: Path
) -> None:
    """Hold feeds against their contracts, and against the functions of a home.

    Raises:
        DeclarationInvalid, ContractInvalid: what they name does not exist or does not fit; all
            mistakes of all feeds, each with its line.
    """
    errors: dict[str, ConfigurationError] = {}
    for feed, document in feeds:
        problems: dict[Location, str] = {}
        contracts = _contracts(feed, registry, problems, errors)
        columns = {
            name: (*contract.columns, *(POSITION_COLUMNS if name in feed.products else ()))
            for name, contract in contracts.items()
            if name in feed.outputs()
        }
        problems |= dict(_event_problems(feed, contracts))
        problems |= dict(_output_problems(feed, columns))
        problems |= dict(ledger_problems(feed, columns))
        problems |= dict(_function_problems(feed, home))
        if problems:
            errors[str(document.path)] = problems_at(document, problems)
    if errors:
        raise all_of(list(errors.values()))


def _contracts(
    feed: FeedDeclaration,
    registry: ContractRegistry,
    problems: dict[Location, str],
    errors: dict[str, ConfigurationError],
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
        except UnknownThing:
            known = registry.refs()
            near = suggestion(ref, known) or f"; it holds {', '.join(known) or 'none'}"
            problems[at] = f"there is no {ref} below the schemas folder{near}"
        except ContractInvalid as error:
            errors[error.thing] = error
    for name, product in feed.products.items():
        if f"event {product.event}" in contracts:
            contracts[name] = contracts[f"event {product.event}"]
    return contracts


def _event_problems(feed: FeedDeclaration, contracts: dict[str, Contract]) -> Iterator[Problem]:
    for stream, declared in feed.streams.items():
        for name, event in declared.events.items():
            contract = contracts.get(f"event {name}")
            if contract is None:
                continue
            at: Location = ("streams", stream, "events", name)
            columns = contract.columns
            identity = find_column(columns, event.id)
            if identity is None or identity.type not in (Scalar.STRING, Scalar.INT64):
                text = f"{event.contract} has no string or integer property {event.id}"
                yield (*at, "id"), text + meant(event.id, columns)
            if event.time and find_column(columns, event.time) is None:
                text = f"{event.contract} has no property {event.time}"
                yield (*at, "time"), text + meant(event.time, columns)
            for path, value in event.when.items():
                column = find_column(columns, path)
                if column is None:
                    text = f"{event.contract} has no property {path}"
                    yield (*at, "when", path), text + meant(path, columns)
                elif isinstance(column.type, Scalar) and column.type != TYPE_OF_VALUE[type(value)]:
                    text = f"{value!r} can never be found: {event.contract} declares {column.type}"
                    yield (*at, "when", path), text


def _output_problems(feed: FeedDeclaration, columns: Columns) -> Iterator[Problem]:
    for name, output in feed.outputs().items():
        if name not in columns:
            continue
        at: Location = ("products" if name in feed.products else "consumers", name)
        for field in ("sort", "key"):
            for index, column in enumerate(getattr(output, field, ())):
                yield from _absent((*at, field, index), name, column, columns)
                yield from _unsortable((*at, field, index), output, column, columns[name])
        for index, check in enumerate(output.checks):
            here = (*at, "checks", index)
            missing = [
                problem
                for column in columns_named(check)
                for problem in _absent(here, name, column, columns)
            ]
            yield from missing
            if isinstance(check, ReferentialCheck):
                yield from _absent((*here, "references"), check.product, check.references, columns)
            own = find_column(columns[name], getattr(check, "column", ""))
            text = None if missing else misfit(check, own)
            if text is not None:
                yield here, text


def _function_problems(feed: FeedDeclaration, home: Path) -> Iterator[Problem]:
    named: dict[Location, str] = {
        ("consumers", name, "function"): consumer.function
        for name, consumer in feed.consumers.items()
        if consumer.function is not None
    }
    for name, output in feed.outputs().items():
        kind = "products" if name in feed.products else "consumers"
        for index, check in enumerate(output.checks):
            if isinstance(check, PythonCheck):
                named[kind, name, "checks", index, "function"] = check.function
    for at, reference in named.items():
        text = function_problem(reference, home)
        if text is not None:
            yield at, text


def columns_named(check: CheckDeclaration) -> tuple[str, ...]:
    """Return the columns of its own product that a check names."""
    one = getattr(check, "column", None)
    return getattr(check, "columns", None) or ((one,) if one else ())


def _absent(at: Location, product: str, column: str, columns: Columns) -> Iterator[Problem]:
    known = columns.get(product)
    if known is not None and find_column(known, column) is None:
        yield at, no_column(product, column, known)


def _unsortable(
    at: Location,
    output: ProductDeclaration | ConsumerDeclaration,
    path: str,
    columns: Sequence[Column],
) -> Iterator[Problem]:
    if getattr(output, "engine", "embedded") == "embedded":
        return
    column = find_column(columns, path)
    if column is not None and isinstance(column.type, Struct | ListOf):
        text = f"{path} is no single value; Spark would order it otherwise. Name a field of it,"
        yield at, f"{text} or declare engine: embedded"
