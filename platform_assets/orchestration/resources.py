"""What Dagster's functions are given: an opened platform home.

The home is opened once per Dagster run or sensor tick, so that a change of a declaration takes effect
with the next one and never in the middle of one.
"""

from contextlib import suppress
from pathlib import Path

import dagster as dg
from pydantic import PrivateAttr

from platform_assets.errors import PlatformError, SettingsInvalid
from platform_assets.pipeline import Platform
from platform_assets.settings import load_settings


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

    @property
    def secrets(self) -> frozenset[str]:
        """Return the values that Dagster must not get to see.

        Where the feeds cannot be read nothing is done for them, and the settings alone name secrets;
        where the settings cannot be read either, there are none.
        """
        try:
            return self.open().secret_values()
        except PlatformError:
            with suppress(SettingsInvalid):
                return load_settings(Path(self.home)).secret_values()
            return frozenset()
