"""The spill limit of a home that is turned on and off between two attempts, also on a full disk.

Both forms of the settings are written beforehand, while there is room. Using one gives the name of the
settings to a file that stands already, which takes no room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from platform_assets.settings import SETTINGS_FILE

if TYPE_CHECKING:
    from pathlib import Path


class SpillLimits:
    """The settings of a home, with a spill limit and without any.

    Args:
        home: the home.
        limit: the limit in bytes.
    """

    def __init__(self, home: Path, limit: int) -> None:
        self._settings = home / SETTINGS_FILE
        settings = yaml.safe_load(self._settings.read_text(encoding="utf-8")) or {}
        settings.pop("spill_limit", None)
        for limited, given in ((True, {"spill_limit": limit}), (False, {})):
            text = yaml.safe_dump(settings | given)
            self._form(limited=limited).write_text(text, encoding="utf-8")

    def use(self, *, limited: bool) -> None:
        """Let the home have the limit, or none."""
        staged = self._settings.with_suffix(".staged")
        staged.hardlink_to(self._form(limited=limited))
        staged.replace(self._settings)
        staged.unlink(missing_ok=True)  # it stays where both names are of one file already

    def _form(self, *, limited: bool) -> Path:
        return self._settings.with_suffix(".limited" if limited else ".unlimited")
