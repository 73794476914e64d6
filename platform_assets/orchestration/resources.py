"""What Dagster's functions are given: an opened platform home.

The home is opened once per Dagster run or sensor tick, so that a change of a declaration takes effect
with the next one and never in the middle of one.
"""

from pathlib import Path

import dagster as dg
from pydantic import PrivateAttr

from platform_assets.pipeline import Platform


class PlatformResource(dg.ConfigurableResource[None]):
    """A platform home."""

    home: str

    _opened: Platform | None = PrivateAttr(default=None)

    def open(self) -> Platform:
        """Return the opened home.

        Raises:
            SettingsInvalid, DeclarationInvalid, ContractInvalid: with file, line and remedy.
        """
        if self._opened is None:
            self._opened = Platform.open(Path(self.home))
        return self._opened
