"""One product of one run: build it, certify it, read it, revoke it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from platform_assets.cli import tables
from platform_assets.cli.names import check_target, known_run, written_whole
from platform_assets.cli.session import HomeOption, JsonOption, RunOption, session
from platform_assets.errors import CertificationFailed, ConfigurationError, UnknownThing, Usage

if TYPE_CHECKING:
    from rich.console import Console

    from platform_assets.pipeline import CertifiedProduct, Platform

ProductArgument = Annotated[str, typer.Argument(metavar="PRODUCT", help="A product or a consumer.")]
ReadRunOption = Annotated[
    str,
    typer.Option(
        "--run", metavar="RUN", help="For example payments-00000042, or latest: the newest."
    ),
]
#: In place of a run: the newest closed run of the newest window.
_LATEST = "latest"
_FORMATS = (".parquet", ".ndjson")


def register(app: typer.Typer) -> None:
    """Add these commands."""
    example = "Example: platform-assets {} decisions --run payments-00000001"
    app.command(epilog=example.format("materialize"))(materialize)
    app.command(epilog=example.format("certify"))(certify)
    app.command(epilog=example.format("read") + " --out d.parquet")(read)
    app.command(epilog=example.format("revoke") + ' --reason "bad"')(revoke)


def materialize(
    product: ProductArgument, run: RunOption, *, home: HomeOption = None, json: JsonOption = False
) -> None:
    """Build one product, or run one consumer, of one run. It is unreadable until it is certified."""
    from platform_assets.pipeline import build, consume, noted  # noqa: PLC0415

    call = session(home, as_json=json)
    platform = call.open()
    run_id = known_run(platform, run)
    consumers = platform.run_configuration(run_id).declaration.consumers
    with call.working(f"{run_id} materialize {product}"), noted() as steps:
        manifest = (consume if product in consumers else build)(platform, run_id, product)

    def text(console: Console) -> None:
        console.print(
            f"{product} of {run}: generation {manifest['generation']}, {manifest['rows']:,} rows, "
            f"content {tables.short(manifest['content_digest'])}"
        )
        console.print(tables.steps(steps))
        console.print(f"Next: platform-assets certify {product} --run {run}", soft_wrap=True)

    call.answer({**manifest, "steps": [step.as_json() for step in steps]}, text)


def certify(
    product: ProductArgument, run: RunOption, *, home: HomeOption = None, json: JsonOption = False
) -> None:
    """Run every declared check of one product and issue its certificate."""
    from platform_assets.pipeline import certify as certify_product  # noqa: PLC0415
    from platform_assets.pipeline import noted  # noqa: PLC0415

    call = session(home, as_json=json)
    platform = call.open()
    run_id = known_run(platform, run)
    with call.working(f"{run_id} certify {product}"), noted() as steps:
        certificate = certify_product(platform, run_id, product)

    def text(console: Console) -> None:
        console.print(tables.certificate(certificate))
        console.print(tables.steps(steps))

    call.answer({**certificate, "steps": [step.as_json() for step in steps]}, text)
    if certificate["verdict"] != "PASS":
        raise typer.Exit(CertificationFailed.exit_code)


def read(
    product: ProductArgument,
    run: ReadRunOption,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="FILE.parquet or FILE.ndjson.")
    ] = None,
    digest: Annotated[
        bool,
        typer.Option("--digest", help="Print the digest of the events, positions left out."),
    ] = False,
    feed: Annotated[
        str | None,
        typer.Option("--feed", metavar="FEED", help="Of this feed, with --run latest."),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Read a certified product through the gate; every part is hashed before the first row.

    Without --out and --digest the first rows are shown. A file that stands at --out is replaced as a
    whole. The digest is the same for the same events, whichever stream they came by.

    With --run latest it is read of the newest window that is closed, as its newest correction has it. A
    run that was corrected is read by its id as before, and the answer says by what it is superseded.
    """
    from platform_assets.pipeline import events_digest, run_summary  # noqa: PLC0415

    call = session(home, as_json=json)
    platform = call.open()
    target = _checked(platform, out) if out else None
    with call.working(f"{run} read {product}"):
        opened = _opened(platform, product, run, feed)
        summary = run_summary(platform, opened.run)
        if target is not None:
            with written_whole(target) as staged:
                _write(opened, staged, target.suffix)
        events = events_digest([opened]).value if digest else None

    def text(console: Console) -> None:
        console.print(
            f"{product} of {opened.run}: {opened.rows:,} certified rows, generation "
            f"{opened.generation}, manifest {tables.short(opened.manifest_digest)}"
        )
        for line in tables.relations(summary):
            console.print(line, soft_wrap=True)
        if events is not None:
            console.print(f"events {events}", soft_wrap=True, highlight=False)
        if target is not None:
            console.print(f"written to {target}", soft_wrap=True, markup=False, highlight=False)
        if target is None and events is None:
            tables.rows(console, opened.scan())

    related = {key: summary[key] for key in ("supersedes", "superseded_by")}
    call.answer({**_answer(opened, target), **related, "events_digest": events}, text)


def revoke(
    product: ProductArgument,
    run: RunOption,
    reason: Annotated[str, typer.Option("--reason", help="Why the certificate counts no longer.")],
    *,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Revoke the standing certificate of a product: nobody can read it from then on."""
    from platform_assets.pipeline import revoke as revoke_certificate  # noqa: PLC0415

    call = session(home, as_json=json)
    if not reason.strip():
        raise ConfigurationError(
            "--reason",
            expected="why the certificate counts no longer; it is recorded for ever",
            found="nothing",
            remedy='Say it: --reason "the rates of that day were wrong"',
        )
    platform = call.open()
    record = revoke_certificate(platform, known_run(platform, run), product, reason)
    call.answer(record, lambda console: console.print(f"Revoked: {product} of {run}."))


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


def _write(opened: CertifiedProduct, path: Path, suffix: str) -> None:
    if suffix == ".parquet":
        opened.scan().sink_parquet(path)
    else:
        opened.scan().sink_ndjson(path)
