"""Publishing certified products to readers that do not come through the gate themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.adapters.duckdb_catalogue import publish_views
from platform_assets.errors import CertificateRevoked, ProductRemoved
from platform_assets.pipeline.corrections import standing_runs
from platform_assets.pipeline.reading import open_product

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from platform_assets.pipeline.platform import Platform


def publish(platform: Platform, feed: str, connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Make DuckDB views over the products of a feed's closed windows, and return their names.

    Of each window its newest closed run is shown, so a correction takes the place of what it
    supersedes. Each product is opened through the gate first. One that is revoked, or that a
    teardown deleted, is left out, which takes it from the readers at the next publication; any other
    refusal stops it. A strict product is left out too (`left_out`): a view reads files, and what they
    hold is encrypted.

    Raises:
        GateRefusal: a product of a closed run may not be read, for another reason than revocation.
    """
    standing = standing_runs(platform, feed)
    listed: dict[str, dict[str, tuple[Path, ...]]] = {}
    for product in platform.feed(feed).outputs():
        listed[product] = {}
        for run in standing:
            declared = platform.run_configuration(run).declaration.outputs()
            if product in declared and not declared[product].strict:
                try:
                    listed[product][str(run)] = open_product(platform, run, product).paths
                except (CertificateRevoked, ProductRemoved):
                    continue
    return publish_views(connection, feed, listed)


def left_out(platform: Platform, feed: str) -> dict[str, str]:
    """Return product -> why it is not published, of those that never are."""
    return {
        name: f"strict: its parts are encrypted; read it through the gate: platform-assets read {name}"
        for name, output in platform.feed(feed).outputs().items()
        if output.strict
    }
