"""Where the records of a feed come from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from platform_assets.declarations.model import Declaration


class FileLogSource(Declaration):
    """A directory ``<topic>/<partition>/<base offset, 20 digits>.ndjson[.zst]``."""

    kind: Literal["file_log"]
    path: Annotated[str, Field(description="The log's directory, relative to the platform home.")]


#: Grows by one member with each kind of source.
SourceDeclaration = Annotated[FileLogSource, Field(discriminator=None)]
