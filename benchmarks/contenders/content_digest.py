"""The platform's content digest alone: over the rows of a closed run's product, a row group at a time.

A run computes it twice: of the batches that a product is written from, and of the row groups that are
read when it is certified. Each is computed here by the function that does it there, on as many threads;
reading the parts is left out. The values are held against the manifest's, so that the work is the same.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pyarrow.parquet as pq

from benchmarks.feed import FEED, STREAM
from platform_assets.adapters.budget import usable_cores
from platform_assets.adapters.external_sort import BATCH_ROWS
from platform_assets.adapters.part_format import arrow_schema
from platform_assets.adapters.row_encoding import content_digest, digest_arrays
from platform_assets.flow.content_digest import ContentDigest
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, open_product

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa


def main() -> None:
    arguments = json.loads(sys.argv[1])
    platform = Platform.open(Path(arguments["home"]))
    product = open_product(platform, RunId(FEED, 1), STREAM)
    columns = product.columns
    written = certified = ContentDigest.empty(columns)
    cpu = 0.0
    with ThreadPoolExecutor(usable_cores()) as threads:
        for turn, group in enumerate(_row_groups(product.paths, arguments["most_rows"])):
            rows, frame = group.cast(arrow_schema(columns)), pl.DataFrame(group)
            batches = rows.to_batches(max_chunksize=BATCH_ROWS)
            if turn == 0:
                content_digest(frame.head(1), columns)  # loads what it needs
            begun = time.process_time()
            for part in threads.map(lambda batch: digest_arrays(batch.columns, columns), batches):
                written = written.merge(part.digest)
            certified = certified.merge(content_digest(frame, columns))
            cpu += time.process_time() - begun
    declared = product.manifest["content_digest"]
    found = {written.value, certified.value}
    if len(found) > 1 or (written.rows == product.rows and found != {declared}):
        raise RuntimeError(f"expected {declared}, the manifest's, found {found}")
    print(json.dumps({"records": written.rows, "rows": written.rows, "steps": {"CPU": cpu}}))


def _row_groups(paths: Iterable[Path], most_rows: int) -> Iterator[pa.Table]:
    rows = 0
    for path in paths:
        with pq.ParquetFile(path) as part:
            for group in range(part.num_row_groups):
                if rows >= most_rows:
                    return
                table = part.read_row_group(group, use_threads=False)
                rows += table.num_rows
                yield table


if __name__ == "__main__":
    main()
