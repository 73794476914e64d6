"""How a process that lives long is told to stop: by a signal, which may come at any moment.

Work is interrupted at once, as the keyboard does it, and whoever continues it finds what was done. What
shall not be interrupted, because it tells what was done, is held until it is over. Who is told to stop
a second time stops as it was told the first time: its cleaning up is not interrupted.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Stop:
    """Whether the process is to stop, and whether it may be interrupted for that."""

    def __init__(self) -> None:
        self.asked = False
        self._interruptible = False

    def ask(self) -> None:
        """Ask for the stop; a signal handler of the main thread calls this.

        Raises:
            KeyboardInterrupt: the process is in the middle of something that may be interrupted.
        """
        first, self.asked = not self.asked, True
        if first and self._interruptible:
            raise KeyboardInterrupt

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Let the body be interrupted; it is not even begun where the stop was asked for before.

        Raises:
            KeyboardInterrupt: the stop is asked for.
        """
        with self._set(interruptible=True):
            self.check()
            yield

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let a part of such a body come to its end; what was asked meanwhile holds afterwards.

        Raises:
            KeyboardInterrupt: the stop was asked for by the end of it.
        """
        with self._set(interruptible=False):
            yield
        self.check()

    def check(self) -> None:
        """Go no further once the stop is asked for.

        Raises:
            KeyboardInterrupt: it is.
        """
        if self.asked:
            raise KeyboardInterrupt

    @contextmanager
    def _set(self, *, interruptible: bool) -> Iterator[None]:
        before, self._interruptible = self._interruptible, interruptible
        try:
            yield
        finally:
            self._interruptible = before
