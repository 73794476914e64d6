"""Strings with keywords that columns do not know: the validator itself judges each different one.

One unknown keyword does not send its whole record the slow way. The strings were read in columns and
have no escapes, so they are what the validator would be given; it compiles the very schemas that the
string has to meet. Null is the same in every record: where it may stand, it is judged beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from platform_assets.contracts.columnar.arrow import arrow_array, views_of
from platform_assets.contracts.columnar.keywords import NotColumnar
from platform_assets.contracts.columnar.values import Texts
from platform_assets.contracts.columns import Scalar
from platform_assets.contracts.compilation import compile_parts

if TYPE_CHECKING:
    from collections.abc import Iterable

    import jsonschema_rs

    from platform_assets.contracts.columnar.text import Content, Cursor
    from platform_assets.contracts.derivation import Derived
    from platform_assets.contracts.documents import Library, Place


@dataclass(frozen=True)
class Judged:
    """All keywords of a string, known or not."""

    validator: jsonschema_rs.Draft202012Validator

    def apply(self, cursor: Cursor, content: Content) -> None:
        """Judge the strings of the records that are proven so far, because only those are UTF-8."""
        rows = np.flatnonzero(cursor.ok)
        array = arrow_array(Scalar.STRING, Texts(views_of(content)[rows]), cursor.text, len(rows))
        texts = pl.Series(pl.from_arrow(array))
        wrong = [text for text in texts.unique() if not self.validator.is_valid(text)]
        if wrong:
            cursor.ok[rows] &= ~texts.is_in(wrong).to_numpy()


class Validators:
    """Makes the checks of one contract, and compiles each validator once."""

    def __init__(self, root: Place, library: Library) -> None:
        self._root = root
        self._library = library
        self._made: dict[tuple[str, ...], Judged | None] = {}

    def check(self, derived: Derived) -> Judged:
        """Return the check of a string.

        Raises:
            NotColumnar: its type allows null, and another of its keywords does not.
        """
        shape = derived.shape
        key = tuple(f"{part.document.uri}#{part.fragment}" for part in shape.parts)
        if key not in self._made:
            null = not derived.nullable or self._compiled(
                [p for p, excused in zip(shape.parts, shape.excused, strict=True) if not excused]
            ).is_valid(None)
            self._made[key] = Judged(self._compiled(shape.parts)) if null else None
        check = self._made[key]
        if check is None:
            raise NotColumnar("null, which the type allows and another keyword refuses")
        return check

    def _compiled(self, parts: Iterable[Place]) -> jsonschema_rs.Draft202012Validator:
        return compile_parts(parts, self._root, self._library)
