"""A platform home as it is declared now, for a process that lives long.

A process that takes one run sees what is declared when it starts. One that takes many looks before each
whether a file has changed: the settings, a declaration, a schema, a module that stands in the home.
Then the home is opened anew, and the functions that it names are imported anew. To look takes a
fraction of what opening takes, and an opened home keeps its connections.

Where nothing changed it is opened anew as well once somebody asks for that, as after an outage: clients
may hold credentials that were renewed meanwhile.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from platform_assets.declarations.functions import forget_modules
from platform_assets.pipeline.engines import engines_kept
from platform_assets.pipeline.platform import Platform
from platform_assets.settings import SETTINGS_FILE, Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

_SUFFIXES = (".json", ".py", ".yaml", ".yml")
#: Path -> what tells whether a file is as it was: inode, time of change, size.
_Files = dict[str, tuple[int, int, int]]


class CurrentHome:
    """Opens a home when it has changed; engines of a feed stay as long as it has not."""

    def __init__(self, home: Path, feed: str) -> None:
        """Begin; nothing is opened yet."""
        self._home, self._feed = home.absolute(), feed
        self._kept = ExitStack()
        self._platform: Platform | None = None
        self._files: _Files = {}
        self._stale = False
        #: How often it was found changed.
        self.changes = 0

    def opened(self) -> Platform:
        """Return the home, opened as it is declared now.

        Raises:
            SettingsInvalid, DeclarationInvalid, ContractInvalid: with file, line and remedy.
            UnknownThing: it does not declare the feed.
        """
        if self._platform is not None:
            same = _files(self._home, self._platform.settings) == self._files
            if same and not self._stale:
                return self._platform
            self.close()
        # looked at before they are read: what changes meanwhile differs at the next look
        files = _files(self._home, load_settings(self._home))
        if self._files and files != self._files:
            forget_modules(self._home)
            self.changes += 1
        self._files = files
        opened = Platform.open(self._home)
        kept = engines_kept(opened, [self._feed], self._feed)
        self._platform, self._stale = self._kept.enter_context(kept), False
        return self._platform

    def renew(self) -> None:
        """Let the home be opened anew the next time, whether it changed or not."""
        self._stale = True

    def close(self) -> None:
        """Let go of the home and its engines."""
        self._platform = None
        self._kept.close()


def _files(home: Path, settings: Settings) -> _Files:
    """Return what the files are like that an opened home depends on."""
    found = [home / SETTINGS_FILE]
    for folder in (home / settings.defs, home / settings.schemas, *_packages(home)):
        walked = (Path(at, name) for at, _, names in os.walk(folder) for name in names)
        found += (path for path in walked if path.suffix in _SUFFIXES)
    found += home.glob("*.py")
    return {str(path): seen for path in found if (seen := _seen(path)) is not None}


def _packages(home: Path) -> Iterator[Path]:
    """Yield the packages that stand in a home, whose modules a declaration may name."""
    yield from (path.parent for path in home.glob("*/__init__.py"))


def _seen(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:  # it was removed while we looked
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
