"""The secret values of a home: what no record, no text in Dagster and no bundle may hold.

They are the values of the variables that the settings name, the passwords and tokens that a declaration
refers to, wherever they are kept, and, where a declaration leads to AWS, the credentials that stand in
the environment. They are read when they are needed and never kept, so that a renewed token counts. What
cannot be read is not used by this process either.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from platform_assets.adapters.credentials import secret
from platform_assets.declarations import KafkaSource, KinesisSource
from platform_assets.errors import CredentialMissing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from platform_assets.declarations import FeedDeclaration, SourceDeclaration

_OF_AWS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
#: AWS gives secrets of 40 characters; a stand-in for its services takes a word, which is no secret.
_SHORTEST_OF_AWS = 20


def declared_secrets(feeds: Iterable[FeedDeclaration], home: Path) -> frozenset[str]:
    """Return the values of every credential that the sources of some feeds refer to."""
    sources = [source for feed in feeds for source in feed.sources()]
    found = set()
    for reference in (reference for source in sources for reference in source.secrets()):
        with suppress(CredentialMissing):
            found.add(secret(reference, home).strip())  # blanks around it hide nothing
    if any(_leads_to_aws(source) for source in sources):
        given = (os.environ.get(name, "") for name in _OF_AWS)
        found.update(value for value in given if len(value) >= _SHORTEST_OF_AWS)
    return frozenset(found - {""})


def _leads_to_aws(source: SourceDeclaration) -> bool:
    if isinstance(source, KafkaSource):
        return source.sasl is not None and source.sasl.mechanism == "AWS_MSK_IAM"
    return isinstance(source, KinesisSource)
