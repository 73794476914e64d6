"""A fault: it strikes, it lasts, and it is healed.

Striking and healing return when it has happened, not when the system has noticed. What can be healed by
the system alone, as a process that was killed, has nothing to heal. A fault that cannot be injected on
this machine is none: it counts as one that never struck, so that a lane with it ends without data.
"""

from __future__ import annotations

from abc import ABC, abstractmethod


class Injected(ABC):
    """One fault of a kind, which strikes once."""

    @abstractmethod
    def strike(self) -> str:
        """Let it strike, and return what it struck, for people.

        Raises:
            FaultNotInjected: it cannot be injected here and now; nothing was done.
        """

    def heal(self) -> None:  # noqa: B027 - not every fault has something to be healed
        """End it."""
