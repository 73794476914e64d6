"""Work on threads whose results come in order, and few at a time."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future, ThreadPoolExecutor

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def mapped(
    threads: ThreadPoolExecutor,
    function: Callable[[_Item], _Result],
    items: Iterable[_Item],
    *,
    ahead: int,
) -> Iterator[_Result]:
    """Yield the result for each item in the items' order, while those of ``ahead`` more are made.

    `ThreadPoolExecutor.map` begins all at once, and holds what nobody has taken yet.
    """
    waiting: deque[Future[_Result]] = deque()
    for item in items:
        waiting.append(threads.submit(function, item))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
