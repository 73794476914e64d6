"""Patterns as automata that run over all records at once, one character per step.

A pattern that is anchored at both ends and uses plain ASCII sets becomes a deterministic automaton
(Thompson's construction, then subsets; Aho, Sethi and Ullman 1986, section 3.7). The quotation mark
that follows every string ends it: from an accepting state it leads to a state that stays, from any
other to the dead one, so strings of different lengths run together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from platform_assets.contracts.columnar.text import QUOTE
from platform_assets.contracts.columnar.words import WORD

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from platform_assets.contracts.columnar.text import Content, Cursor

DEAD, DONE = 0, 1
MAX_LENGTH = 96
_MAX_NODES, _MAX_STATES = 600, 250
_CODES = 256


class TooLarge(ValueError):
    """The pattern needs more states than are worth it."""


@dataclass
class Nondeterministic:
    """Thompson's automaton: for each node the nodes reached freely, and one labelled step."""

    free: list[list[int]] = field(default_factory=list)
    step: list[tuple[frozenset[str], int] | None] = field(default_factory=list)

    def node(self) -> int:
        """Add a node."""
        if len(self.free) >= _MAX_NODES:
            raise TooLarge
        self.free.append([])
        self.step.append(None)
        return len(self.free) - 1

    def closure(self, nodes: Iterable[int]) -> frozenset[int]:
        """Return all nodes that are reached without reading."""
        seen = set(nodes)
        waiting = list(seen)
        while waiting:
            for node in self.free[waiting.pop()]:
                if node not in seen:
                    seen.add(node)
                    waiting.append(node)
        return frozenset(seen)


class Automaton:
    """The check of a pattern on the contents of strings."""

    def __init__(self, nodes: Nondeterministic, start: int, end: int) -> None:
        """Build the table of states by subsets.

        Raises:
            TooLarge: there would be too many states.
        """
        first = nodes.closure([start])
        numbers = {first: 2}
        rows = [np.full(_CODES, DEAD), np.full(_CODES, DONE)]
        waiting = [first]
        while waiting:
            subset = waiting.pop(0)
            row = np.full(_CODES, DEAD)
            for code in range(_CODES):
                reached = [
                    step[1]
                    for node in subset
                    if (step := nodes.step[node]) and chr(code) in step[0]
                ]
                if reached:
                    target = nodes.closure(reached)
                    if target not in numbers:
                        numbers[target] = len(numbers) + 2
                        waiting.append(target)
                    row[code] = numbers[target]
            row[QUOTE] = DONE if end in subset else DEAD
            rows.append(row)
            if len(numbers) > _MAX_STATES:
                raise TooLarge
        self._table: NDArray[np.int64] = np.concatenate(rows).astype(np.int64) << 8

    def apply(self, cursor: Cursor, content: Content) -> None:
        """Run; records with longer strings are given up."""
        longest = int(content.length.max(initial=0, where=cursor.ok))
        state = np.full(len(cursor), 2 << 8, dtype=np.int64)
        for place in range(min(longest, MAX_LENGTH) + 1):
            word = content.word(place // WORD)
            code = (word >> np.uint64(8 * (place % WORD))) & np.uint64(0xFF)
            state = self._table.take(state | code.view(np.int64))
        cursor.require(state == DONE << 8)
