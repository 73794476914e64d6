"""The base of all declarations: unknown keys are mistakes, values do not change after loading."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from platform_assets.canonical import MAX_EXACT_INTEGER
from platform_assets.declarations.rules import NAME


class Declaration(BaseModel):
    """A part of a feed's YAML. Its errors do not quote what was given: that may be a credential."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @field_validator("*")
    @classmethod
    def _fits_into_a_record(cls, value: Any) -> Any:
        held = tuple(value.values()) if isinstance(value, dict) else value
        for item in held if isinstance(held, tuple) else (held,):
            if isinstance(item, int) and abs(item) > MAX_EXACT_INTEGER:
                raise ValueError(
                    f"{item} is beyond {MAX_EXACT_INTEGER}, the largest number that every reader of a "
                    "record keeps exactly"
                )
        return value


Name = Annotated[str, Field(pattern=NAME)]
