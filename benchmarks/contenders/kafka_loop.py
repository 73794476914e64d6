"""(loop) What people write: a loop over kafka-python's consumer that writes Parquet now and then."""

from __future__ import annotations

import json
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq
from kafka import KafkaConsumer, TopicPartition

_ROWS = 100_000
_COLUMNS = ("partition", "offset", "timestamp", "key", "value")


def main() -> None:
    arguments = json.loads(sys.argv[1])
    wall, cpu = time.perf_counter(), time.process_time()
    consumer = KafkaConsumer(
        bootstrap_servers=arguments["bootstrap"],
        enable_auto_commit=False,
        isolation_level="read_committed",
        check_crcs=False,  # in pure Python they would take most of the time
    )
    ends = {
        TopicPartition(arguments["topic"], partition): end
        for partition, end in enumerate(arguments["ends"])
    }
    wanted = min(arguments["records"], sum(ends.values()))
    consumer.assign(list(ends))
    consumer.seek_to_beginning()
    records, writer, rows = 0, None, []
    for message in consumer:
        rows.append(
            (message.partition, message.offset, message.timestamp, message.key, message.value)
        )
        records += 1
        if len(rows) == _ROWS or records == wanted:
            columns = zip(*rows, strict=True)
            table = pa.table(dict(zip(_COLUMNS, map(list, columns), strict=True)))
            writer = writer or pq.ParquetWriter(
                arguments["target"], table.schema, compression="zstd"
            )
            writer.write_table(table)
            rows = []
        if records == wanted:
            break
    if writer is not None:
        writer.close()
    steps = {"read": time.perf_counter() - wall, "read CPU": time.process_time() - cpu}
    consumer.close()
    print(json.dumps({"records": records, "rows": records, "steps": steps}))


if __name__ == "__main__":
    main()
