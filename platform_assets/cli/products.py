"""One product of one run: build it, certify it, read it, revoke it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from platform_assets.cli import tables
from platform_assets.cli.session import HomeOption, JsonOption, RunOption, session
from platform_assets.errors import CertificationFailed, ConfigurationError
from platform_assets.identifiers import RunId

if TYPE_CHECKING:
    from rich.console import Console

    from platform_assets.pipeline import CertifiedProduct

ProductArgument = Annotated[str, typer.Argument(metavar="PRODUCT", help="A product or a consumer.")]
_SHOWN_ROWS = 10


def register(app: typer.Typer) -> None:
    """Add these commands."""
    example = "Example: platform-assets {} authorisations --run payments-00000001"
    app.command(epilog=example.format("materialize"))(materialize)
    app.command(epilog=example.format("certify"))(certify)
    app.command(epilog=example.format("read") + " --out authorisations.parquet")(read)
    app.command(epilog=example.format("revoke") + ' --reason "wrong rates"')(revoke)


def materialize(
    product: ProductArgument, run: RunOption, *, home: HomeOption = None, json: JsonOption = False
) -> None:
    """Build one product, or run one consumer, of one run. It is unreadable until it is certified."""
    from platform_assets.pipeline import build, consume  # noqa: PLC0415

    call = session(home, as_json=json)
    platform = call.open()
    run_id = RunId.parse(run)
    consumers = platform.run_configuration(run_id).declaration.consumers
    manifest = (consume if product in consumers else build)(platform, run_id, product)

    def text(console: Console) -> None:
        console.print(
            f"{product} of {run}: generation {manifest['generation']}, {manifest['rows']:,} rows, "
            f"content {tables.short(manifest['content_digest'])}"
        )

    call.answer(manifest, text)


def certify(
    product: ProductArgument, run: RunOption, *, home: HomeOption = None, json: JsonOption = False
) -> None:
    """Run every declared check of one product and issue its certificate."""
    from platform_assets.pipeline import certify as certify_product  # noqa: PLC0415

    call = session(home, as_json=json)
    certificate = certify_product(call.open(), RunId.parse(run), product)
    call.answer(certificate, lambda console: console.print(tables.certificate(certificate)))
    if certificate["verdict"] != "PASS":
        raise typer.Exit(CertificationFailed.exit_code)


def read(
    product: ProductArgument,
    run: RunOption,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="FILE.parquet or FILE.ndjson.")
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Read a certified product through the gate; every part is hashed before the first row."""
    from platform_assets.pipeline import open_product  # noqa: PLC0415

    call = session(home, as_json=json)
    opened = open_product(call.open(), RunId.parse(run), product, strict=True)
    if out is not None:
        _write(opened, out)

    def text(console: Console) -> None:
        console.print(
            f"{product} of {run}: {opened.rows:,} certified rows, generation {opened.generation}, "
            f"manifest {tables.short(opened.manifest_digest)}"
        )
        if out is None:
            rows = str(opened.scan().head(_SHOWN_ROWS).collect())
            console.print(Text(rows), soft_wrap=True)
        else:
            console.print(f"written to {out}")

    call.answer(_answer(opened, out), text)


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
    record = revoke_certificate(call.open(), RunId.parse(run), product, reason)
    call.answer(record, lambda console: console.print(f"Revoked: {product} of {run}."))


def _answer(opened: CertifiedProduct, out: Path | None) -> dict[str, Any]:
    return {
        "product": opened.name,
        "run_id": str(opened.run),
        "generation": opened.generation,
        "rows": opened.rows,
        "manifest_digest": opened.manifest_digest,
        "certificate_digest": opened.certificate_digest,
        "content_digest": opened.manifest["content_digest"],
        "columns": opened.manifest["columns"],
        "out": str(out) if out else None,
    }


def _write(opened: CertifiedProduct, out: Path) -> None:
    if out.suffix == ".parquet":
        opened.scan().sink_parquet(out)
    elif out.suffix == ".ndjson":
        opened.scan().sink_ndjson(out)
    else:
        raise ConfigurationError(
            f"--out {out}",
            expected="a file name that ends with .parquet or .ndjson",
            found=repr(out.suffix),
            remedy="Name the format by the file's ending.",
        )
