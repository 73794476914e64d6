"""Fills templates in, for many events at a time.

What events have of their own is made in columns, and each record then by one formatting of its
template. A record that is to have a size is filled up to it; one that is larger already stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from platform_assets.lanes.digits import digit_texts, integer_texts, moment_texts
from platform_assets.lanes.templates import Slot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from platform_assets.lanes.draws import Numbers
    from platform_assets.lanes.templates import Template

ID_DIGITS = 12
_MOMENT_LENGTH = len("2026-01-05T08:00:00.000000Z")


@dataclass(frozen=True, slots=True)
class Own:
    """What events have of their own: arrays of the same length.

    Attributes:
        templates: places in the list of templates.
        numbers: the numbers in their ids.
        moments: their event times in microseconds since the epoch.
        keys: the numbers of their keys.
        sizes: how many bytes the records are to have.
        places: where in the text the filling begins.
    """

    templates: Numbers
    numbers: Numbers
    moments: Numbers
    keys: Numbers
    sizes: Numbers
    places: Numbers


class Forms:
    """Templates that are filled in together.

    Args:
        templates: all of them; the keys of all are texts, or those of all are integers.
        key_digits: how many digits a key that is a text has; None where keys are integers.
        filling: the text that records are filled up with.
    """

    def __init__(
        self, templates: Sequence[Template], key_digits: int | None, filling: bytes
    ) -> None:
        self._key_digits = key_digits
        self._filling = filling
        self._units = sorted({template.unit for template in templates}, key=str)
        self._made = [(template.form, self._picker(template)) for template in templates]
        self._beginnings = [template.key_beginning for template in templates]
        #: The bytes of each template's records without filling, and without a key that is an integer.
        self.lengths = np.array([self._length(template) for template in templates], np.int64)

    def rendered(self, own: Own) -> tuple[list[bytes], list[bytes]]:
        """Return the records and their keys."""
        which = own.templates.tolist()
        keys = self._keys(own.keys)
        lengths = self.lengths[own.templates]
        if self._key_digits is None:
            lengths = lengths + np.array([len(key) for key in keys], np.int64)
        filling, missing = self._filling, np.maximum(own.sizes - lengths, 0)
        rows = zip(
            digit_texts(own.numbers, ID_DIGITS),
            keys,
            [
                filling[place : place + length]
                for place, length in zip(own.places.tolist(), missing.tolist(), strict=True)
            ],
            *(self._moments(own.moments, unit) for unit in self._units),
            strict=True,
        )
        made = self._made
        values = [
            form % pick(row)
            for (form, pick), row in zip(map(made.__getitem__, which), rows, strict=True)
        ]
        beginnings = map(self._beginnings.__getitem__, which)
        return values, list(map(bytes.__add__, beginnings, keys))

    def _keys(self, keys: Numbers) -> list[bytes]:
        return (
            integer_texts(keys) if self._key_digits is None else digit_texts(keys, self._key_digits)
        )

    def _moments(self, moments: Numbers, unit: int | None) -> list[bytes]:
        return moment_texts(moments) if unit is None else integer_texts(moments // unit)

    def _picker(self, template: Template) -> Callable[[tuple[bytes, ...]], object]:
        """Return what takes the values of a template's slots out of a row, in their order."""
        columns = {
            Slot.ID: 0,
            Slot.KEY: 1,
            Slot.FILL: 2,
            Slot.TIME: 3 + self._units.index(template.unit),
        }
        return itemgetter(*(columns[slot] for slot in template.slots))

    def _length(self, template: Template) -> int:
        moment = (
            _MOMENT_LENGTH
            if template.unit is None
            else len(str(1_767_571_200_000_000 // template.unit))
        )
        widths = {
            Slot.ID: ID_DIGITS,
            Slot.KEY: self._key_digits or 0,
            Slot.FILL: 0,
            Slot.TIME: moment,
        }
        return template.length + sum(widths[slot] for slot in template.slots)
