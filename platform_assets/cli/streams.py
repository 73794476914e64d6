"""Sending records to the streams of a feed."""

from __future__ import annotations

import json as json_format
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from platform_assets.cli import tables
from platform_assets.cli.feeds import FeedArgument
from platform_assets.cli.names import check_target, written_whole
from platform_assets.cli.session import Explained, HomeOption, JsonOption, session
from platform_assets.errors import ConfigurationError, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from platform_assets.adapters.record_files import Supply
    from platform_assets.pipeline import Platform
    from platform_assets.pipeline.ledger import Ledger

_LISTED = 20
_RATE_UNITS = {"": 1.0, "/s": 1.0, "/min": 60.0}


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(
        epilog="Example: platform-assets produce payments authorisations --file events.ndjson"
    )(produce)


def produce(
    feed: FeedArgument,
    stream: Annotated[
        str | None,
        typer.Argument(metavar="STREAM", help="A stream of it. [default: all that are supplied]"),
    ] = None,
    *,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="One record a line; or FILE.zst.")
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option("--log", metavar="DIR", help="A file log; its partitions to the same ones."),
    ] = None,
    generator: Annotated[
        str | None, typer.Option("--generator", metavar="NAME", help="Generated records: payments.")
    ] = None,
    records: Annotated[int, typer.Option("--records", help="How many to generate.")] = 200_000,
    seed: Annotated[int, typer.Option("--seed", help="What to generate them from.")] = 7,
    plant: Annotated[
        Path | None,
        typer.Option("--plant", metavar="FILE", help="Write what was planted in generated ones."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="PATH", help="Key: what stands at a dotted path of it."),
    ] = None,
    partition: Annotated[
        str | None, typer.Option("--partition", metavar="N", help="Send a file to this partition.")
    ] = None,
    rate: Annotated[
        str | None, typer.Option("--rate", metavar="N/s", help="At most so many records a second.")
    ] = None,
    create: Annotated[
        bool, typer.Option("--create", help="Make streams that are not there.")
    ] = False,
    partitions: Annotated[
        int | None,
        typer.Option("--partitions", min=1, help="How many a new one gets. [default: as in a log]"),
    ] = None,
    ledger: Annotated[
        Path | None,
        typer.Option("--ledger", metavar="FILE", help="Write the ledger with every record in it."),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Send records to declared streams, as they are, and account for each of them.

    Exits with 0 if all were acknowledged, 1 if some were refused, and 3 if it is not known of some
    whether they stand in the stream. Nothing is sent again by itself, because that could double it.
    """
    from platform_assets.pipeline.produce import create_streams  # noqa: PLC0415
    from platform_assets.pipeline.produce import produce as produce_records  # noqa: PLC0415

    call = session(home, as_json=json)
    platform = call.open()
    platform.feed(feed)  # a name that is none is told before anything is generated
    _one_supply(file=file, log=log, generator=generator)
    _goes_with("--plant", plant, "--generator", generator)
    _goes_with("--partition", partition, "--file", file)
    _goes_with("--partitions", partitions, "--create", create or None)
    target, planted = (check_target(platform, path) if path else None for path in (ledger, plant))
    with ExitStack() as opened:
        if generator is not None:
            log = opened.enter_context(_generated(platform, generator, records, seed, planted))
        if log is not None:
            supplies = _of_log(platform, feed, stream, log, key)
        else:
            supplies = _of_file(
                platform, feed, stream, file or Path(), key=key, partition=partition
            )
        if create:
            create_streams(platform, feed, _counts(supplies, partitions))
        told = opened.enter_context(_progress(supplies))
        done = produce_records(platform, feed, supplies, rate=_per_second(rate), told=told)
    if target is not None:
        with written_whole(target) as staged:
            staged.write_text(json_format.dumps(done.as_json(), indent=1) + "\n", encoding="utf-8")
    failure = done.failure()
    if failure is None:
        call.answer(done.as_json(_LISTED), lambda console: _show(console, done))
        return
    if not call.as_json:
        _show(Console(stderr=True), done)
    raise Explained(failure, done.as_json(_LISTED))


def _one_supply(**given: object) -> None:
    named = [name for name, value in given.items() if value is not None]
    if len(named) != 1:
        options = " or ".join(f"--{name}" for name in given)
        raise Usage(
            "platform-assets produce",
            expected=f"what to send: {options}",
            found=" and ".join(f"--{name}" for name in named) or "none of them",
            remedy="Give exactly one: platform-assets produce --help",
        )


def _counts(supplies: Mapping[str, Supply], partitions: int | None) -> dict[str, int]:
    """Return how many partitions each new stream gets: as many as are told, but enough for a log."""
    counts = {name: len(supply.partitions) or 1 for name, supply in supplies.items()}
    most = max(counts.values(), default=1)
    if partitions is not None and partitions < most:
        raise Usage(
            f"platform-assets produce --partitions {partitions}",
            expected=f"{most} at least, because what is sent stands in so many",
            found=str(partitions),
            remedy="Leave --partitions out, or send a --file, whose records go where their keys say.",
        )
    return {name: partitions or count for name, count in counts.items()}


def _goes_with(option: str, value: object, other: str, given: object) -> None:
    """Refuse an option that would do nothing."""
    if value is not None and given is None:
        raise Usage(
            f"platform-assets produce {option} {value}",
            expected=f"{other} beside it",
            found="none",
            remedy=f"Leave {option} out, or say what it is for: platform-assets produce --help",
        )


def _of_file(
    platform: Platform,
    feed: str,
    stream: str | None,
    file: Path,
    *,
    key: str | None,
    partition: str | None,
) -> dict[str, Supply]:
    from platform_assets.adapters.record_files import file_supply  # noqa: PLC0415

    streams = list(platform.feed(feed).streams)
    if stream is None and len(streams) > 1:
        raise Usage(
            f"platform-assets produce {feed} --file {file}",
            expected=f"the stream to send it to, one of {', '.join(streams)}",
            found="none",
            remedy=f"Name it: platform-assets produce {feed} {streams[0]} --file {file}",
        )
    return {stream or streams[0]: file_supply(file, key=key, partition=partition)}


def _of_log(
    platform: Platform, feed: str, stream: str | None, log: Path, key: str | None
) -> dict[str, Supply]:
    """Return a supply for each stream, out of the topic of its name."""
    from platform_assets.adapters.record_files import log_supply  # noqa: PLC0415
    from platform_assets.pipeline.produce import require_declared  # noqa: PLC0415

    declaration = platform.feed(feed)
    if stream is not None:
        require_declared(declaration, stream)
    names = [stream] if stream else [n for n in declaration.streams if (log / n).is_dir()]
    if not log.is_dir() or not names:
        raise ConfigurationError(
            f"--log {log}",
            expected=f"a folder with a topic named as a stream: {', '.join(declaration.streams)}",
            found="no such folder" if not log.is_dir() else "none",
            remedy="Name the folder that holds the topics' folders.",
        )
    return {name: log_supply(log, name, key=key) for name in names}


@contextmanager
def _generated(
    platform: Platform, generator: str, records: int, seed: int, planted: Path | None
) -> Iterator[Path]:
    """Give the folder of a generated log; it is gone afterwards."""
    from platform_assets.examples.payments.generator import write_log  # noqa: PLC0415
    from platform_assets.examples.payments.plant import PLANT_FILE  # noqa: PLC0415
    from platform_assets.examples.payments.recipe import Recipe  # noqa: PLC0415

    if generator != "payments":
        raise Usage(
            f"--generator {generator}",
            expected="payments",
            found=repr(generator),
            remedy="Generate payments, or send records of your own: --file FILE",
        )
    with platform.scratch() as scratch:
        try:
            write_log(scratch / "log", Recipe(records=records, seed=seed, compress=False))
        except ValueError as error:
            raise Usage(
                f"--records {records}",
                expected="enough records to plant faults in",
                found=str(error),
                remedy="Generate more of them.",
            ) from error
        if planted is not None:
            with written_whole(planted) as staged:
                staged.write_bytes((scratch / "log" / PLANT_FILE).read_bytes())
        yield scratch / "log"


def _per_second(rate: str | None) -> float | None:
    if rate is None:
        return None
    number, slash, unit = rate.partition("/")
    try:
        found = float(number) / _RATE_UNITS[slash + unit]
    except (ValueError, KeyError):
        found = 0.0
    if not 0 < found < float("inf"):
        raise Usage(
            f"--rate {rate}",
            expected="how many records a second, for example 500/s",
            found=repr(rate),
            remedy="Give a number above 0, alone or with /s or /min.",
        )
    return found


@contextmanager
def _progress(supplies: Mapping[str, Supply]) -> Iterator[Callable[[str, int], None]]:
    """Show on stderr how many records of each stream were taken, where someone is looking."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(
        *columns,
        console=console,
        transient=True,
        disable=not console.is_terminal,
        redirect_stdout=False,
    ) as bar:
        tasks = {name: bar.add_task(name, total=supply.total) for name, supply in supplies.items()}
        yield lambda stream, count: bar.advance(tasks[stream], count)


def _show(console: Console, ledger: Ledger) -> None:
    console.print(tables.sent(ledger.as_json(0)))
    for name, stream in ledger.streams.items():
        if not stream.complete:
            console.print(Text(f"{name}: not everything was sent"))
        console.print(Text(f"{name} digest {stream.digest}"), soft_wrap=True)
