"""The platform's content digest alone: over the rows of a closed run's product, a row group at a time.

Its CPU time is that of the digest's own function; reading the parts is left out. The value is held
against the manifest's, so that the work is the same.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pyarrow.parquet as pq

from benchmarks.feed import FEED, STREAM
from platform_assets.adapters.row_encoding import content_digest
from platform_assets.flow.content_digest import ContentDigest
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, open_product

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def main() -> None:
    arguments = json.loads(sys.argv[1])
    platform = Platform.open(Path(arguments["home"]))
    product = open_product(platform, RunId(FEED, 1), STREAM)
    total, cpu = ContentDigest.empty(product.columns), 0.0
    for turn, frame in enumerate(_row_groups(product.paths, arguments["most_rows"])):
        if turn == 0:
            content_digest(frame.head(1), product.columns)  # loads what it needs
        begun = time.process_time()
        total = total.merge(content_digest(frame, product.columns))
        cpu += time.process_time() - begun
    declared = product.manifest["content_digest"]
    if total.rows == product.rows and total.value != declared:
        raise RuntimeError(f"expected {declared}, the manifest's, found {total.value}")
    print(json.dumps({"records": total.rows, "rows": total.rows, "steps": {"CPU": cpu}}))


def _row_groups(paths: Iterable[Path], most_rows: int) -> Iterator[pl.DataFrame]:
    rows = 0
    for path in paths:
        with pq.ParquetFile(path) as part:
            for group in range(part.num_row_groups):
                if rows >= most_rows:
                    return
                frame = pl.DataFrame(part.read_row_group(group, use_threads=False))
                rows += frame.height
                yield frame


if __name__ == "__main__":
    main()
