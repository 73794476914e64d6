"""How long the data of a feed's closed runs is kept; what is not declared is kept.

Evidence and records have no retention: they stay.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from platform_assets.declarations.model import Declaration
from platform_assets.declarations.rules import AGE
from platform_assets.errors import Usage

_HOURS = {"h": 1, "d": 24, "w": 7 * 24}
_LONGEST_HOURS = 200 * 366 * 24  # beyond, a date could not be counted back from today


class RetentionDeclaration(Declaration):
    """Ages, counted from a run's closure, after which a teardown deletes parts."""

    landing: Annotated[
        str | None, Field(pattern=AGE, description="Of the delivered bytes, for example 30d.")
    ] = None
    admission: Annotated[
        str | None, Field(pattern=AGE, description="Of admitted, duplicate and quarantined rows.")
    ] = None
    products: Annotated[
        str | None, Field(pattern=AGE, description="Of the parts of products and consumers.")
    ] = None

    def age(self, kind: str) -> str | None:
        """Return the declared age of landing, admission or products."""
        return {"landing": self.landing, "admission": self.admission, "products": self.products}[
            kind
        ]


def age_of(text: str) -> timedelta:
    """Return an age written as ``12h``, ``30d`` or ``52w``.

    Raises:
        Usage: it is written otherwise.
    """
    number, unit = text[:-1], text[-1:]
    hours = int(number) * _HOURS.get(unit, 0) if number.isascii() and number.isdigit() else -1
    if unit not in _HOURS or not 0 <= hours <= _LONGEST_HOURS:
        raise Usage(
            f"age {text!r}",
            expected="a number of hours, days or weeks: 12h, 30d, 52w",
            found=repr(text),
            remedy="Write it so, for example --older-than 30d",
        )
    return timedelta(hours=hours)
