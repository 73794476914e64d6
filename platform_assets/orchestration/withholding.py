"""No value of a secret reaches Dagster: not its metadata, and not the text of a failure.

Which values are secret stands in the home's settings, as names of environment variables. A check may
observe such a value in the data and an error may quote it. The closure then refuses the run; here the
value is withheld from what Dagster keeps and shows.
"""

from collections.abc import Iterable
from typing import Any

import dagster as dg

from platform_assets.flow.secret_scan import without_known
from platform_assets.orchestration.metadata import Metadata


def withhold(metadata: Metadata, secrets: Iterable[str]) -> Metadata:
    """Return metadata without the secrets; numbers, paths and schemas hold none."""
    return {key: _without(value, secrets) for key, value in metadata.items()}


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return a text in which every secret is replaced, in whatever spelling."""
    return without_known(text, secrets)


def _without(value: dg.MetadataValue[Any], secrets: Iterable[str]) -> dg.MetadataValue[Any]:
    if isinstance(value, dg.TextMetadataValue):
        return dg.MetadataValue.text(without_secrets(value.text or "", secrets))
    if isinstance(value, dg.MarkdownMetadataValue):
        return dg.MetadataValue.md(without_secrets(value.md_str or "", secrets))
    return value
