"""Settings of a platform home: ``platform.yaml`` beside the feeds.

Paths are relative to the home. Secrets never stand here: a key is named by its file or by the
environment variable that holds it, and the variables listed under ``secrets`` are those whose values
must never occur in a record.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from platform_assets.declarations.mistakes import found_by
from platform_assets.declarations.model import Declaration
from platform_assets.declarations.yaml_positions import PositionedYaml
from platform_assets.errors import DeclarationInvalid, SettingsInvalid

SETTINGS_FILE = "platform.yaml"
DEFAULT_HOME = ".platform"

_REMEDY = "Correct the file; an empty one means all defaults."


class KeySettings(Declaration):
    """Where the signing key and the trusted public keys are."""

    signing: Annotated[str, Field(description="PEM file; made on first use if absent.")] = (
        "keys/signing.pem"
    )
    signing_env: Annotated[
        str | None,
        Field(description="Environment variable that holds the PEM; wins over the file."),
    ] = None
    wrap_staging: Annotated[
        str,
        Field(description="Wraps keys of strict products for who builds them: file or aws-kms:ID."),
    ] = "keys/staging.key"
    wrap_release: Annotated[
        str, Field(description="Wraps keys that a PASS certificate releases: file or aws-kms:ID.")
    ] = "keys/release.key"
    trusted: Annotated[str, Field(description="Folder of trusted public keys, *.pem.")] = (
        "keys/trusted"
    )


class Settings(Declaration):
    """All settings, each with a default that works on one machine."""

    store: str = "store"
    scratch: str = "scratch"
    defs: str = "defs"
    schemas: str = "schemas/events"
    keys: KeySettings = KeySettings()
    secrets: Annotated[
        tuple[str, ...], Field(description="Environment variables whose values no record may hold.")
    ] = ()
    claim_ttl_seconds: Annotated[float, Field(gt=0, strict=True, allow_inf_nan=False)] = 30
    revision: Annotated[str | None, Field(description="Source revision of the deployed code.")] = (
        None
    )
    image: Annotated[str | None, Field(description="Digest of the deployed image.")] = None

    def secret_values(self) -> frozenset[str]:
        """Return the values that must not reach any record."""
        named = [*self.secrets, *([self.keys.signing_env] if self.keys.signing_env else [])]
        return frozenset(value for name in named if (value := os.environ.get(name)))


def home_directory(given: Path | None) -> Path:
    """Return the home: as given, else ``$PLATFORM_HOME``, else ``.platform``."""
    return (given or Path(os.environ.get("PLATFORM_HOME") or DEFAULT_HOME)).absolute()


def load_settings(home: Path) -> Settings:
    """Read the settings of a home.

    Raises:
        SettingsInvalid: the home has no settings, or they are wrong; every mistake with its line.
    """
    path = home / SETTINGS_FILE
    if not path.is_file():
        raise SettingsInvalid(
            str(home),
            expected=f"a platform home with {SETTINGS_FILE}",
            found=f"none of that name{'' if home.is_dir() else ', and no such folder'}",
            remedy="Make one: platform-assets init DIR, then pass --home DIR or set PLATFORM_HOME.",
        )
    try:
        document = PositionedYaml.read(path, may_be_empty=True)
        return Settings.model_validate(document.value)
    except ValidationError as error:
        lines = found_by(error, document, Settings)
        raise SettingsInvalid(
            f"{path}:{lines[0][0]}",
            expected="valid settings",
            found=[f"{path}:{line}: {text}" for line, text in lines],
            remedy=_REMEDY,
        ) from error
    except DeclarationInvalid as error:
        raise SettingsInvalid(
            error.thing, expected="settings", found=error.findings or error.found, remedy=_REMEDY
        ) from error
