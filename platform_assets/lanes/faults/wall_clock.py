"""A wall clock that can be set while processes run, for the system under load alone.

The processes load a small library before all others (`wall_clock.c`), which shifts what they are told
of the time; the machine's clock, the lane and the services go on as they are. It is compiled when a
lane needs it. Debian's libfaketime cannot be used in its place: version 0.9.10 breaks ``time.sleep`` of
Python 3.11 and later where the monotonic clock is left alone (wolfcw/libfaketime issue 426).
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

from platform_assets.errors import FaultNotInjected

_SOURCE = Path(__file__).with_name("wall_clock.c")
_SHIFT = struct.Struct("=q")
_COMPILE_SECONDS = 60


class WallClock:
    """The clock of the processes that get its `environment`.

    Args:
        folder: for the library and the shift.
    """

    def __init__(self, folder: Path) -> None:
        self._library = folder / "wall_clock.so"
        self._shift = folder / "wall_clock"

    def make(self) -> None:
        """Compile the library, and let the clock be right.

        Raises:
            FaultNotInjected: there is no C compiler, or it fails.
        """
        self._library.parent.mkdir(parents=True, exist_ok=True)
        self._shift.write_bytes(_SHIFT.pack(0))
        compiler = shutil.which("cc")
        if compiler is None:
            raise _not_made("none of that name")
        options = ("-shared", "-fPIC", "-O2", "-o", str(self._library), str(_SOURCE), "-ldl")
        done = subprocess.run(  # noqa: S603 - the machine's compiler, and a source of ours
            [compiler, *options],
            capture_output=True,
            text=True,
            timeout=_COMPILE_SECONDS,
            check=False,
        )
        if done.returncode:
            raise _not_made(done.stderr.strip()[-500:])

    def environment(self) -> dict[str, str]:
        """Return what processes need in their environment to have this clock."""
        others = os.environ.get("LD_PRELOAD", "")
        return {
            "LD_PRELOAD": f"{self._library}:{others}".rstrip(":"),
            "PLATFORM_ASSETS_WALL_CLOCK": str(self._shift),
        }

    def set(self, seconds: int) -> None:
        """Let the clock be ahead of the right time by so much, at once; behind it if negative."""
        with self._shift.open("r+b") as shift:
            shift.write(_SHIFT.pack(seconds))


def _not_made(found: str) -> FaultNotInjected:
    return FaultNotInjected(
        "clock of the system under load",
        expected="a C compiler, cc, for the library that sets it",
        found=found,
        remedy="Install one, for example: apt-get install gcc libc6-dev",
    )
