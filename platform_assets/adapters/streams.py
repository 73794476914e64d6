"""Every kind of stream, opened as it is declared; its client library is loaded only where needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from platform_assets.adapters.file_log import FileLog
from platform_assets.adapters.file_log_sink import FileLogSink
from platform_assets.declarations.sources import FileLogSource, KafkaSource, KinesisSource

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.declarations.sources import SourceDeclaration
    from platform_assets.ports.sinks import StreamSink
    from platform_assets.ports.streams import StreamSource


def open_source(declared: SourceDeclaration, topic: str, home: Path) -> StreamSource:
    """Return a topic, stream or log as a source; it connects when it is first asked."""
    if isinstance(declared, FileLogSource):
        return FileLog(home / declared.path, topic)
    if isinstance(declared, KafkaSource):
        from platform_assets.adapters.kafka.source import KafkaStream  # noqa: PLC0415 - see above

        return KafkaStream(declared, topic, home=home)
    if isinstance(declared, KinesisSource):
        from platform_assets.adapters.kinesis.source import KinesisStream  # noqa: PLC0415 - see above

        return KinesisStream(declared, topic)
    assert_never(declared)


def open_sink(declared: SourceDeclaration, topic: str, home: Path) -> StreamSink:
    """Return a topic, stream or log as a sink; it connects when something is sent."""
    if isinstance(declared, FileLogSource):
        return FileLogSink(home / declared.path, topic)
    if isinstance(declared, KafkaSource):
        from platform_assets.adapters.kafka.sink import KafkaSink  # noqa: PLC0415 - see above

        return KafkaSink(declared, topic, home=home)
    if isinstance(declared, KinesisSource):
        from platform_assets.adapters.kinesis.sink import KinesisSink  # noqa: PLC0415 - see above

        return KinesisSink(declared, topic)
    assert_never(declared)
