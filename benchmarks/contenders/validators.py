"""Ways to hold records against a contract: the platform's judge, and what one would else take.

Each takes landed Parquet parts or their values and returns how many records it accepted. They are
functions of a module, so that worker processes can be given them.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import jsonschema_rs
import orjson
import polars as pl

from benchmarks.feed import FEED, STREAM, inlined_contract
from platform_assets.contracts.judge import EventRule, StreamJudge, polars_schema
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from platform_assets.contracts.registry import Contract


@dataclass(frozen=True, slots=True)
class Judged:
    """What a worker did with one part; the CPU seconds are its own."""

    accepted: int
    columnar: int
    one_by_one: int
    cpu_seconds: float


def read_values(part: str) -> pl.Series:
    """Return the values of a landed part."""
    return pl.read_parquet(part, columns=["value"])["value"]


def declared(home: str) -> tuple[Contract, EventRule]:
    """Return the stream's contract and its rule, as the first run was pinned under them."""
    configuration = Platform.open(Path(home)).run_configuration(RunId(FEED, 1))
    (name, event), *_ = configuration.declaration.streams[STREAM].events.items()
    contract = configuration.contracts[event.contract]
    when = {tuple(path.split(".")): value for path, value in event.when.items()}
    return contract, EventRule(name, contract, tuple(event.id.split(".")), when)


def prepared_judge(home: str) -> StreamJudge:
    """Prepare a worker."""
    return StreamJudge([declared(home)[1]])


def judge_part(judge: StreamJudge, part: str) -> Judged:
    """Read and judge a landed part."""
    begun = time.process_time()
    verdicts = judge.judge(read_values(part))
    accepted = sum(len(frame) for frame in verdicts.accepted.values())
    seconds = time.process_time() - begun
    return Judged(accepted, verdicts.columnar, verdicts.one_by_one, seconds)


def lenient(home: str, values: pl.Series) -> int:
    """Decode with Polars into the contract's columns; types are coerced and nothing is refused."""
    # Times and exact numbers stay the text that they are written as.
    columns = polars_schema(declared(home)[0].columns)
    exact = (pl.Datetime, pl.Date, pl.Decimal)
    kinds = {n: pl.String() if isinstance(kind, exact) else kind for n, kind in columns.items()}
    return len(values.cast(pl.String).str.json_decode(pl.Struct(kinds)))


def one_by_one(name: str, values: Sequence[bytes]) -> int:
    """Parse and validate record after record."""
    parse, is_valid = _VALIDATORS[name]()
    return sum(is_valid(parse(value)) for value in values)


def _rust(parse: Callable[[bytes], Any]) -> tuple[Callable[[bytes], Any], Callable[[Any], bool]]:
    validator = jsonschema_rs.Draft202012Validator(inlined_contract(), validate_formats=True)
    return parse, validator.is_valid


def _python() -> tuple[Callable[[bytes], Any], Callable[[Any], bool]]:
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    validator = jsonschema.Draft202012Validator(inlined_contract(), format_checker=checker)
    return json.loads, validator.is_valid


_VALIDATORS = {
    "orjson + jsonschema-rs": lambda: _rust(orjson.loads),
    "json + jsonschema-rs": lambda: _rust(json.loads),
    "json + jsonschema": _python,
}
#: How many records each takes; they are linear in them.
SLICES = dict(zip(_VALIDATORS, (200_000, 200_000, 10_000), strict=True))
