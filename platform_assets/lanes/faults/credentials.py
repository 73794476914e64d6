"""Credentials that end: the key in use is taken away, and later another one stands in its place.

The plan's own commands do both, where the services run: only they know what grants the keys. Nothing is
restarted; the system has to find the other key by itself.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from platform_assets.errors import FaultNotInjected
from platform_assets.lanes.faults.fault import Injected
from platform_assets.lanes.services import environment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from platform_assets.lanes.plan import Rotation

_SECONDS = 60
_SAID = 500


class ExpiredCredentials(Injected):
    """The store's credentials stop working, until others are made.

    Args:
        rotation: the commands.
        folder: where they run.
    """

    def __init__(self, rotation: Rotation, folder: Path) -> None:
        self._rotation, self._folder = rotation, folder

    def strike(self) -> str:
        """Let them expire."""
        self._run(self._rotation.expire)
        return "the key of the store"

    def heal(self) -> None:
        """Make others."""
        self._run(self._rotation.renew)

    def _run(self, command: Sequence[str]) -> None:
        done = subprocess.run(  # noqa: S603 - a command of the plan
            command,
            cwd=self._folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
        if done.returncode:
            raise FaultNotInjected(
                f"rotation of credentials by {command[0]}",
                expected="exit code 0",
                found=f"{done.returncode}: {done.stderr.strip()[-_SAID:]}",
                remedy="Correct `target.rotation` of the plan.",
            )
