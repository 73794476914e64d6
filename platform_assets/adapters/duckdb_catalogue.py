"""A DuckDB catalogue of certified products: one schema a feed, one view a product.

A view lists certified part files by name, never a folder or a pattern, so what was not certified cannot
be reached through it. Parts of several runs stand together, each row with its run.
"""

from __future__ import annotations

import glob
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import duckdb


def publish_views(
    connection: duckdb.DuckDBPyConnection,
    feed: str,
    products: Mapping[str, Mapping[str, Sequence[Path]]],
) -> list[str]:
    """Make or replace the view of each product over the given parts, and return the views' names.

    Args:
        connection: an open connection that may write.
        feed: the schema's name.
        products: by product, the certified parts of each run.

    A product that has no certified run any more loses its view.
    """
    connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{feed}"')
    views = []
    for product, runs in products.items():
        view = f'"{feed}"."{product}"'
        selects = [
            f"SELECT *, {_text(run)} AS _run FROM "  # noqa: S608
            f"read_parquet([{_files(paths)}], hive_partitioning = false)"
            for run, paths in runs.items()
        ]
        if selects:
            connection.execute(
                f"CREATE OR REPLACE VIEW {view} AS {' UNION ALL BY NAME '.join(selects)}"
            )
            views.append(f"{feed}.{product}")
        else:
            connection.execute(f"DROP VIEW IF EXISTS {view}")
    return views


def _files(paths: Sequence[Path]) -> str:
    # DuckDB expands patterns in file names and takes columns from folders called `a=b`; a folder
    # called `a[1]` must stay itself
    return ", ".join(_text(glob.escape(str(path))) for path in paths)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
