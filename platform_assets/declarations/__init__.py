"""What a user declares: feeds, streams, products, checks, consumers."""

from platform_assets.declarations.checks import CheckDeclaration
from platform_assets.declarations.feed import (
    ConsumerDeclaration,
    EventDeclaration,
    FeedDeclaration,
    ProductDeclaration,
    StreamDeclaration,
    WindowDeclaration,
)
from platform_assets.declarations.sources import FileLogSource, SourceDeclaration

__all__ = [
    "CheckDeclaration",
    "ConsumerDeclaration",
    "EventDeclaration",
    "FeedDeclaration",
    "FileLogSource",
    "ProductDeclaration",
    "SourceDeclaration",
    "StreamDeclaration",
    "WindowDeclaration",
]
