"""Settings of a platform home: ``platform.yaml`` beside the feeds.

Paths are relative to the home. Secrets never stand here: a key is named by its file or by the
environment variable that holds it, and the variables listed under ``secrets`` are those whose values
must never occur in a record.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, ByteSize, Field, ValidationError

from platform_assets.declarations.connection_strings import passwords_in
from platform_assets.declarations.mistakes import found_by
from platform_assets.declarations.model import Declaration
from platform_assets.declarations.rules import ENDPOINT
from platform_assets.declarations.spark import SparkSettings
from platform_assets.declarations.yaml_positions import PositionedYaml
from platform_assets.errors import DeclarationInvalid, SettingsInvalid

SETTINGS_FILE = "platform.yaml"
DEFAULT_HOME = ".platform"

_REMEDY = "Correct the file; an empty one means all defaults."

_SIZE = re.compile(r"[0-9]+(\.[0-9]+)? ?([KMGTP]i?)?B?", re.IGNORECASE)

#: Below it, the interpreter and the engines alone would take what a step needs.
LEAST_MEMORY = 1024**3


def _size(value: object) -> object:
    number = not isinstance(value, bool) and isinstance(value, int | str)
    if not (number and _SIZE.fullmatch(str(value))):
        raise ValueError(f"not a number of bytes, nor one with a unit such as 2GiB: {value!r}")
    return value


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
    log: Annotated[
        str, Field(description="PEM file of the closure log's Ed25519 key; made if absent.")
    ] = "keys/log.pem"
    log_env: Annotated[
        str | None,
        Field(description="Environment variable that holds the log's key; wins over the file."),
    ] = None
    trusted: Annotated[str, Field(description="Folder of trusted public keys, *.pem.")] = (
        "keys/trusted"
    )


class ObjectStoreSettings(Declaration):
    """How an object store is reached; its credentials come from the provider's usual chain."""

    endpoint: Annotated[
        str | None,
        Field(pattern=ENDPOINT, description="Address of a store that is not the provider's own."),
    ] = None
    allow_http: Annotated[
        bool, Field(strict=True, description="Whether the endpoint may be without TLS.")
    ] = False
    region: Annotated[str | None, Field(description="S3: the bucket's region.")] = None
    profile: Annotated[str | None, Field(description="S3: profile of the AWS configuration.")] = (
        None
    )
    account: Annotated[str | None, Field(description="Azure: name of the storage account.")] = None
    timeout_seconds: Annotated[
        int, Field(gt=0, strict=True, description="How long an answer may take, tries included.")
    ] = 30
    cache_bytes: Annotated[
        int, Field(ge=0, strict=True, description="How much of local copies is kept in scratch.")
    ] = 10 * 2**30
    lock_days: Annotated[
        int | None,
        Field(gt=0, strict=True, description="S3 object lock: how long records cannot be deleted."),
    ] = None
    lock_mode: Annotated[
        Literal["GOVERNANCE", "COMPLIANCE"],
        Field(description="S3 object lock: whether a privileged user may shorten it."),
    ] = "GOVERNANCE"


class TruthIndexSettings(Declaration):
    """Where the index of truth ledgers is, if there is one."""

    dsn_env: Annotated[
        str | None,
        Field(description="Environment variable that holds PostgreSQL's connection string."),
    ] = None


class Settings(Declaration):
    """All settings, each with a default that works on one machine."""

    store: Annotated[
        str,
        Field(description="A folder, or s3://bucket/prefix, gs://bucket/prefix, az://container/…"),
    ] = "store"
    object_store: ObjectStoreSettings = ObjectStoreSettings()
    scratch: str = "scratch"
    memory_budget: Annotated[
        ByteSize,
        BeforeValidator(_size),
        Field(ge=LEAST_MEMORY, description="Memory of all processes of a step, for example 2GiB."),
    ] = ByteSize(2 * 1024**3)
    cores: Annotated[
        int | None,
        Field(gt=0, strict=True, description="Cores that a step may use; all if absent."),
    ] = None
    spill_dir: Annotated[
        str | None,
        Field(
            min_length=1,
            description="Folder for what does not fit in memory; the scratch folder if absent.",
        ),
    ] = None
    spill_limit: Annotated[
        ByteSize | None,
        BeforeValidator(_size),
        Field(gt=0, description="Most that a step may spill; what the disk has free if absent."),
    ] = None
    spark: SparkSettings = SparkSettings()
    defs: str = "defs"
    schemas: str = "schemas/events"
    keys: KeySettings = KeySettings()
    truth_index: TruthIndexSettings = TruthIndexSettings()
    secrets: Annotated[
        tuple[str, ...], Field(description="Environment variables whose values no record may hold.")
    ] = ()
    log_origin: Annotated[
        str | None,
        Field(
            pattern=r"^[!-*,-~]+$",
            max_length=200,
            description="Name of the closure log, like a URL without scheme; made if absent.",
        ),
    ] = None
    claim_ttl_seconds: Annotated[float, Field(gt=0, strict=True, allow_inf_nan=False)] = 30
    revision: Annotated[str | None, Field(description="Source revision of the deployed code.")] = (
        None
    )
    image: Annotated[str | None, Field(description="Digest of the deployed image.")] = None

    def secret_values(self) -> frozenset[str]:
        """Return the values that must not reach any record."""
        index = self.truth_index.dsn_env
        named = [*self.secrets, self.keys.signing_env, self.keys.log_env, index]
        found = frozenset(value for name in named if name and (value := os.environ.get(name)))
        return found | passwords_in(os.environ.get(index or "", ""))


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
