"""A consumer that can have a fault of the slow kind; its module is copied into homes, as users' are.

What is planted comes with the consumer's parameters: memory or descriptors that are never given back,
or time.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from platform_assets.lanes.feed.turnover import turnover as sound

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

_NEVER_FREED: list[bytes] = []
_NEVER_CLOSED: list[int] = []
_TURNS: list[None] = []


def turnover(
    inputs: Mapping[str, pl.LazyFrame], parameters: Mapping[str, str | int | bool]
) -> pl.LazyFrame:
    """Return the turnover, and do what was planted, once for each window.

    Args:
        inputs: ``orders`` of this run.
        parameters: ``leaked_bytes`` and ``leaked_descriptors`` of each window, ``slower_ms`` by which
            each is slower than the one before, ``slow_ms`` by which all are slower.
    """
    _TURNS.append(None)
    _NEVER_FREED.append(b"x" * int(parameters.get("leaked_bytes", 0)))
    leaked = range(int(parameters.get("leaked_descriptors", 0)))
    _NEVER_CLOSED.extend(os.open(__file__, os.O_RDONLY) for _ in leaked)
    slow = int(parameters.get("slow_ms", 0)) + len(_TURNS) * int(parameters.get("slower_ms", 0))
    time.sleep(slow / 1000)
    return sound(inputs, {})
