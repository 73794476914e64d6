"""One product of one run, or of several: build it, certify it, revoke it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from platform_assets.cli import tables
from platform_assets.cli.backfills import backfill, made_of, show_made
from platform_assets.cli.names import known_run
from platform_assets.cli.session import HomeOption, JsonOption, RunOption, RunsOption, session
from platform_assets.errors import CertificationFailed, ConfigurationError

if TYPE_CHECKING:
    from rich.console import Console


ProductArgument = Annotated[str, typer.Argument(metavar="PRODUCT", help="A product or a consumer.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    example = "Example: platform-assets {} decisions --run payments-00000001"
    app.command(epilog=example.format("materialize"))(materialize)
    app.command(epilog=example.format("certify"))(certify)
    app.command(epilog=example.format("revoke") + ' --reason "bad"')(revoke)


def materialize(
    product: ProductArgument, run: RunsOption, *, home: HomeOption = None, json: JsonOption = False
) -> None:
    """Build one product, or run one consumer, of one run. It is unreadable until it is certified.

    With several --run it is made of each of them. Where Spark makes it, one application does all of
    them. A run that fails is told of and keeps no other from being made; the exit code is then 1 if any
    was refused, else that of the failure.
    """
    from platform_assets.pipeline import noted  # noqa: PLC0415

    call = session(home, as_json=json)
    platform = call.open()
    runs = list(dict.fromkeys(known_run(platform, each) for each in run))
    if len(runs) > 1:
        made = backfill(call, platform, product, runs)
        if made.exit_code:
            raise typer.Exit(made.exit_code)
        return
    with call.working(f"{runs[0]} materialize {product}"), noted() as steps:
        manifest = made_of(platform, runs[0], product)

    def text(console: Console) -> None:
        show_made(console, [manifest], steps)

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
