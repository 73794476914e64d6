"""The base of all declarations: unknown keys are mistakes, values do not change after loading."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from platform_assets.identifiers import NAME_PATTERN


class Declaration(BaseModel):
    """A part of a feed's YAML."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Name = Annotated[str, Field(pattern=f"^{NAME_PATTERN}$")]
