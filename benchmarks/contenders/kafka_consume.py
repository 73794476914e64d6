"""(limit) confluent-kafka with the platform's settings, the same ranges, and nothing done with them."""

from __future__ import annotations

import json
import sys
import time

from confluent_kafka import Consumer, KafkaError, TopicPartition

from platform_assets.adapters.kafka.reader import tuned_settings
from platform_assets.declarations import KafkaSource

_MESSAGES = 512


def main() -> None:
    arguments = json.loads(sys.argv[1])
    bootstrap = tuple(arguments["bootstrap"])
    settings = tuned_settings(KafkaSource(kind="kafka", bootstrap=bootstrap))
    wall, cpu = time.perf_counter(), time.process_time()
    consumer = Consumer(settings | {"bootstrap.servers": ",".join(bootstrap)})
    records = 0
    for partition, end in enumerate(arguments["ends"]):
        consumer.assign([TopicPartition(arguments["topic"], partition, 0)])
        position = 0
        while position < end:
            messages = consumer.consume(_MESSAGES, 0) or consumer.consume(1, 0.1)
            if not messages:
                continue
            last = messages[-1]
            error = last.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001
                raise RuntimeError(error.str())
            records += len(messages) - (error is not None)
            position = last.offset() + (error is None)
        consumer.unassign()
    steps = {"read": time.perf_counter() - wall, "read CPU": time.process_time() - cpu}
    consumer.close()
    print(json.dumps({"records": records, "rows": records, "steps": steps}))


if __name__ == "__main__":
    main()
