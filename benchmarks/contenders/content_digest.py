"""The platform's content digest alone: over rows of a closed run's product, a row group at a time.

A run computes it twice: of the batches that a product is written from, on threads of its process, and
of the row groups that are read when it is certified, in worker processes. Each is computed here by the
function that does it there, in threads and processes as there; reading the parts is left out. The
values are held against the manifest's, so that the work is the same.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from benchmarks.contenders.certified_digest import as_certified
from benchmarks.feed import FEED, STREAM
from platform_assets.adapters.budget import usable_cores
from platform_assets.adapters.check_pass import row_groups
from platform_assets.adapters.external_sort import BATCH_ROWS
from platform_assets.adapters.part_format import arrow_schema
from platform_assets.adapters.row_encoding import digest_arrays
from platform_assets.flow.content_digest import ContentDigest
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, open_product

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from platform_assets.adapters.check_pass import RowGroup
    from platform_assets.contracts.columns import Column


def main() -> None:
    arguments = json.loads(sys.argv[1])
    platform = Platform.open(Path(arguments["home"]))
    product = open_product(platform, RunId(FEED, 1), STREAM)
    groups, rows = [], 0
    for group in row_groups(product.paths):
        if rows >= arguments["most_rows"]:
            break
        groups.append(group)
        rows += group.rows
    written, writing = _as_written(product.columns, groups)
    certified, certifying = as_certified(product.columns, groups)
    declared = product.manifest["content_digest"]
    found = {written.value, certified.value}
    if len(found) > 1 or (rows == product.rows and found != {declared}):
        raise RuntimeError(f"expected {declared}, the manifest's, found {found}")
    print(json.dumps({"records": rows, "rows": rows, "steps": {"CPU": writing + certifying}}))


def _as_written(
    columns: tuple[Column, ...], groups: Sequence[RowGroup]
) -> tuple[ContentDigest, float]:
    """Return the digest of the rows in batches, and its CPU seconds."""
    digest, cpu = ContentDigest.empty(columns), 0.0
    with ThreadPoolExecutor(usable_cores()) as threads:
        for table in _tables(groups):
            batches = table.cast(arrow_schema(columns)).to_batches(max_chunksize=BATCH_ROWS)
            begun = time.process_time()
            for part in threads.map(lambda batch: digest_arrays(batch.columns, columns), batches):
                digest = digest.merge(part.digest)
            cpu += time.process_time() - begun
    return digest, cpu


def _tables(groups: Sequence[RowGroup]) -> Iterator[pa.Table]:
    for path, of_part in itertools.groupby(groups, lambda group: group.path):
        part = pq.read_table(path)
        for group in of_part:
            yield part.slice(group.offset, group.rows)


if __name__ == "__main__":
    main()
