"""Facts on a feed's control topic: announcing them, and waiting for one."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from platform_assets.cli import tables
from platform_assets.cli.feeds import FeedArgument
from platform_assets.cli.names import check_target, known_run, written_whole
from platform_assets.cli.session import HomeOption, JsonOption, session
from platform_assets.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.console import Console

    from platform_assets.pipeline import CertifiedProduct, ClosedRun, ReadyCursor


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(epilog="Example: platform-assets announce payments")(announce)
    app.command(epilog="Example: platform-assets wait decisions --feed payments --timeout 600")(
        wait
    )


def announce(feed: FeedArgument, *, home: HomeOption = None, json: JsonOption = False) -> None:
    """Announce certified products and closed runs that are not announced yet.

    Each is announced at least once, under an id of its own, where the feed's `announce` says. Exits
    with 3 if it is not known of some whether they were published; call it again then.
    """
    from platform_assets.pipeline import announce as announce_facts  # noqa: PLC0415

    call = session(home, as_json=json)
    answer = announce_facts(call.open(), feed)

    def text(console: Console) -> None:
        for event in answer["announced"]:
            console.print(Text(f"{event['subject']}: {event['type']}"), soft_wrap=True)
            console.print(Text(f"  id {event['id']}"), soft_wrap=True)
        for subject, why in answer["withheld"].items():
            console.print(Text(f"{subject}: withheld, {why}"), soft_wrap=True)
        if not answer["announced"]:
            console.print(f"{feed} has nothing new to announce.")

    call.answer(answer, text)


def wait(
    product: Annotated[
        str | None,
        typer.Argument(metavar="PRODUCT", help="[default: wait for the closure of a run]"),
    ] = None,
    *,
    feed: Annotated[str, typer.Option("--feed", metavar="FEED", help="A declared feed.")],
    run: Annotated[
        str | None,
        typer.Option("--run", metavar="RUN", help="Of this run. [default: the next announced]"),
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="S", min=0, help="How many seconds to wait.")
    ] = 300,
    cursor: Annotated[
        Path | None,
        typer.Option("--cursor", metavar="FILE", help="Keep there how far the topic was read."),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Wait until a product is announced as certified, or a run as closed, and verify that it is.

    What is announced is only believed after the gate opened the product. Without --cursor the control
    topic is read from its first record; with it, each call gives the next one.
    """
    from platform_assets.pipeline import wait_ready  # noqa: PLC0415

    call = session(home, as_json=json)
    platform = call.open()
    kept = check_target(platform, cursor) if cursor else None
    place = _cursor(kept)
    run_id = known_run(platform, run) if run else None
    found = wait_ready(platform, feed, product, run_id, timeout=timeout, cursor=place)
    if kept is not None:
        with written_whole(kept) as staged:
            staged.write_text(json_format.dumps(place.as_json()) + "\n", encoding="utf-8")
    call.answer(_answer(found), lambda console: _show(console, found))


def _cursor(kept: Path | None) -> ReadyCursor:
    from platform_assets.pipeline import ReadyCursor  # noqa: PLC0415

    if kept is None or not kept.exists():
        return ReadyCursor()
    try:
        return ReadyCursor.from_json(json_format.loads(kept.read_text(encoding="utf-8")))
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise ConfigurationError(
            f"--cursor {kept}",
            expected="a file that an earlier call wrote",
            found=f"another one: {type(error).__name__}: {error}",
            remedy="Name another file. A new one makes the topic be read from its first record.",
        ) from error


def _answer(found: CertifiedProduct | ClosedRun) -> dict[str, Any]:
    from platform_assets.pipeline import ClosedRun  # noqa: PLC0415

    if isinstance(found, ClosedRun):
        return {"run_id": str(found.run), "closed": True, "bundle_digest": found.bundle_digest}
    return {
        "run_id": str(found.run),
        "product": found.name,
        "generation": found.generation,
        "rows": found.rows,
        "manifest_digest": found.manifest_digest,
        "certificate_digest": found.certificate_digest,
    }


def _show(console: Console, found: CertifiedProduct | ClosedRun) -> None:
    answer = _answer(found)
    if "product" in answer:
        console.print(
            f"{answer['product']} of {answer['run_id']} is ready: {answer['rows']:,} certified rows, "
            f"generation {answer['generation']}, manifest {tables.short(answer['manifest_digest'])}"
        )
        return
    console.print(f"{answer['run_id']} is closed.", highlight=False)
    console.print(f"evidence {answer['bundle_digest']}", soft_wrap=True, highlight=False)
