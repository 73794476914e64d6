"""Numbers of events as people write them: 20k, 1M, 100M."""

from __future__ import annotations

import re

_UNITS = {"": 1, "k": 1_000, "M": 1_000_000}
_SIZE = re.compile(r"([1-9][0-9]*)([kM]?)")


def parse(text: str) -> int:
    """Return the number that is meant.

    Raises:
        ValueError: nothing is.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a number of events such as 20k, 1M or 100M")
    return int(found[1]) * _UNITS[found[2]]


def label(events: int) -> str:
    """Return the number in the largest unit that leaves it whole."""
    for unit in ("M", "k"):
        if events % _UNITS[unit] == 0:
            return f"{events // _UNITS[unit]}{unit}"
    return str(events)
