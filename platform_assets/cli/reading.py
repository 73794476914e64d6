"""Reading through the gate: a product of one run, or of days."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from platform_assets.cli import tables
from platform_assets.cli.days import (
    Chosen,
    DayOption,
    SinceOption,
    UntilOption,
    days_answer,
    read_days,
)
from platform_assets.cli.names import check_target, known_run, written_whole
from platform_assets.cli.products import ProductArgument
from platform_assets.cli.session import HomeOption, JsonOption, session
from platform_assets.errors import ConfigurationError, UnknownThing, Usage

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from platform_assets.cli.session import Session
    from platform_assets.pipeline import CertifiedProduct, Platform

ReadRunOption = Annotated[
    str | None,
    typer.Option(
        "--run", metavar="RUN", help="For example payments-00000042, or latest: the newest."
    ),
]
#: In place of a run: the newest closed run of the newest window.
_LATEST = "latest"
_FORMATS = (".parquet", ".ndjson")


def register(app: typer.Typer) -> None:
    """Add the command."""
    example = "Example: platform-assets read decisions --run payments-00000001 --out d.parquet"
    app.command(epilog=example)(read)


def read(
    product: ProductArgument,
    run: ReadRunOption = None,
    *,
    day: DayOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="FILE.parquet or FILE.ndjson.")
    ] = None,
    digest: Annotated[
        bool,
        typer.Option("--digest", help="Print the digest of the events, positions left out."),
    ] = False,
    feed: Annotated[
        str | None,
        typer.Option("--feed", metavar="FEED", help="Of this feed, with --run latest or a day."),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Read a certified product through the gate; every part is hashed before the first row.

    Without --out and --digest the first rows are shown. A file that stands at --out is replaced as a
    whole. The digest is the same for the same events, whichever stream they came by.

    With --run latest it is read of the newest window that is closed, as its newest correction has it. A
    run that was corrected is read by its id as before, and the answer says by what it is superseded.

    With --day it is read of a day of event time, and with --since or --until of every day of a range
    that has rows, as they were compacted. A day whose runs do not count as they did then is refused.
    """
    from platform_assets.pipeline import events_digest, run_summary  # noqa: PLC0415

    call = session(home, as_json=json)
    chosen = Chosen(day, since, until)
    run = _run_unless(chosen, run)
    platform = call.open()
    target = _checked(platform, out) if out else None
    if run is None:
        _read_days(call, platform, product, chosen, feed=feed, target=target, digest=digest)
        return
    with call.working(f"{run} read {product}"):
        opened = _opened(platform, product, run, feed)
        summary = run_summary(platform, opened.run)
        if target is not None:
            with written_whole(target) as staged:
                _write(opened.scan(), staged, target.suffix)
        events = events_digest([opened]).value if digest else None

    def text(console: Console) -> None:
        console.print(
            f"{product} of {opened.run}: {opened.rows:,} certified rows, generation "
            f"{opened.generation}, manifest {tables.short(opened.manifest_digest)}"
        )
        for line in tables.relations(summary):
            console.print(line, soft_wrap=True)
        _tell(console, events, target)
        if target is None and events is None:
            tables.rows(console, opened.scan())

    related = {key: summary[key] for key in ("supersedes", "superseded_by")}
    call.answer({**_answer(opened, target), **related, "events_digest": events}, text)


def _read_days(
    call: Session,
    platform: Platform,
    product: str,
    chosen: Chosen,
    *,
    feed: str | None,
    target: Path | None,
    digest: bool,
) -> None:
    import polars as pl  # noqa: PLC0415 - slow to import

    from platform_assets.pipeline import events_digest  # noqa: PLC0415

    with call.working(f"read {product}"):
        opened = chosen.opened(platform, _feed_of(platform, product, feed), product)
        rows = pl.concat([each.scan() for each in opened])
        if target is not None:
            with written_whole(target) as staged:
                _write(rows, staged, target.suffix)
        events = events_digest(opened).value if digest else None

    def text(console: Console) -> None:
        read_days(console, opened)
        _tell(console, events, target)
        if target is None and events is None:
            tables.rows(console, rows)

    call.answer({**days_answer(opened, target), "events_digest": events}, text)


def _tell(console: Console, events: str | None, target: Path | None) -> None:
    if events is not None:
        console.print(f"events {events}", soft_wrap=True, highlight=False)
    if target is not None:
        console.print(f"written to {target}", soft_wrap=True, markup=False, highlight=False)


def _opened(platform: Platform, product: str, run: str, feed: str | None) -> CertifiedProduct:
    from platform_assets.pipeline import open_latest, open_product  # noqa: PLC0415

    if run == _LATEST:
        return open_latest(platform, _feed_of(platform, product, feed), product, strict=True)
    run_id = known_run(platform, run)
    if feed not in (None, run_id.feed):
        raise Usage(
            f"--feed {feed}",
            expected=f"the feed of {run_id}, or no --feed",
            found="another feed",
            remedy=f"Leave it out, or read the latest: --run {_LATEST} --feed {feed}",
        )
    return open_product(platform, run_id, product, strict=True)


def _run_unless(chosen: Chosen, run: str | None) -> str | None:
    """Return the run, None where days are chosen.

    Raises:
        InvalidName: one is no day.
        Usage: neither or both are given.
    """
    chosen.require_sound()
    if bool(chosen) == (run is not None):
        raise Usage(
            "read",
            expected="a run, or days",
            found="both" if chosen else "neither",
            remedy=f"Say which: --run RUN, --run {_LATEST}, --day DAY, or --since DAY --until DAY",
        )
    return run


def _feed_of(platform: Platform, product: str, feed: str | None) -> str:
    """Return the feed whose product is meant.

    Raises:
        UnknownThing: no feed declares such a product, or no such feed is declared.
        Usage: several feeds declare it, and none is named.
    """
    if feed is not None:
        return platform.feed(feed).feed
    declaring = [name for name, each in platform.feeds.items() if product in each.outputs()]
    if not declaring:
        raise UnknownThing(
            f"product {product}",
            expected="a product or a consumer that a feed declares",
            found=repr(product),
            remedy="List what is declared: platform-assets feeds",
        )
    if len(declaring) > 1:
        raise Usage(
            f"--run {_LATEST}",
            expected="one feed",
            found=f"{product} is declared by {', '.join(sorted(declaring))}",
            remedy="Say which: --feed FEED",
        )
    return declaring[0]


def _answer(opened: CertifiedProduct, target: Path | None) -> dict[str, Any]:
    return {
        "product": opened.name,
        "run_id": str(opened.run),
        "generation": opened.generation,
        "rows": opened.rows,
        "manifest_digest": opened.manifest_digest,
        "certificate_digest": opened.certificate_digest,
        "content_digest": opened.manifest["content_digest"],
        "columns": opened.manifest["columns"],
        "out": str(target) if target else None,
    }


def _checked(platform: Platform, out: Path) -> Path:
    if out.suffix not in _FORMATS:
        raise ConfigurationError(
            f"--out {out}",
            expected="a file name that ends with .parquet or .ndjson",
            found=repr(out.suffix or out.name),
            remedy="Name the format by the file's ending.",
        )
    target = check_target(platform, out)
    if target.is_dir():
        raise ConfigurationError(
            f"--out {out}",
            expected="a file",
            found="a folder",
            remedy="Name a file in it.",
        )
    return target


def _write(rows: pl.LazyFrame, path: Path, suffix: str) -> None:
    if suffix == ".parquet":
        rows.sink_parquet(path)
    else:
        rows.sink_ndjson(path)
