"""What a user declares: feeds, streams, products, checks, consumers."""

from platform_assets.declarations.checks import CheckDeclaration
from platform_assets.declarations.feed import (
    AnnounceDeclaration,
    ConsumerDeclaration,
    EventDeclaration,
    FeedDeclaration,
    ProductDeclaration,
    StreamDeclaration,
    WindowDeclaration,
)
from platform_assets.declarations.sources import (
    FileLogSource,
    KafkaSource,
    KinesisSource,
    SecretReference,
    SourceDeclaration,
)

__all__ = [
    "AnnounceDeclaration",
    "CheckDeclaration",
    "ConsumerDeclaration",
    "EventDeclaration",
    "FeedDeclaration",
    "FileLogSource",
    "KafkaSource",
    "KinesisSource",
    "ProductDeclaration",
    "SecretReference",
    "SourceDeclaration",
    "StreamDeclaration",
    "WindowDeclaration",
]
