"""(read) The platform's reading alone: every record and every proof of the ranges, nothing written."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from platform_assets.adapters.kafka.source import KafkaStream
from platform_assets.declarations import KafkaSource
from platform_assets.ports.streams import Gap, Span


def main() -> None:
    arguments = json.loads(sys.argv[1])
    source = KafkaSource(kind="kafka", bootstrap=tuple(arguments["bootstrap"]))
    records = 0
    wall, cpu = time.perf_counter(), time.process_time()
    with KafkaStream(source, arguments["topic"], home=Path.cwd()) as stream:
        for partition, end in enumerate(arguments["ends"]):
            for item in stream.read(Span.of(str(partition), 0, end)):
                records += 0 if isinstance(item, Gap) else item.num_rows
        steps = {"read": time.perf_counter() - wall, "read CPU": time.process_time() - cpu}
    print(json.dumps({"records": records, "rows": records, "steps": steps}))


if __name__ == "__main__":
    main()
