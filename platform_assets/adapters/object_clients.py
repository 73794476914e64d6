"""Clients of object stores, each for one use, with the provider's usual chain of credentials.

Reads are repeated by the library: they change nothing. A create is never repeated by it, because a
repetition that meets its own success looks like another's object; `ObjectStore` looks before it tries
again. Creates of large parts may take longer than an answer to a record.

S3's credentials come from boto3: environment, profiles, SSO, web identity, container and instance.
Google's and Azure's come from obstore, which reads what their own libraries read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from platform_assets.adapters.aws import aws_session
from platform_assets.adapters.object_address import GCS, S3, Address
from platform_assets.errors import CredentialMissing, SettingsInvalid

if TYPE_CHECKING:
    import boto3
    from obstore.store import (
        AzureConfig,
        ClientConfig,
        GCSConfig,
        RetryConfig,
        S3Config,
        S3Credential,
    )

    from platform_assets.settings import ObjectStoreSettings

_CONNECT_SECONDS = 5
_SILENCE_SECONDS = 15
_READ_RETRIES = 5
_PART_SECONDS = 3600
_PART_ATTEMPTS = 5
_CONNECTIONS = 16
#: So short that obstore, which keeps what lives for another five minutes, asks ten times a second.
_CREDENTIAL_LIFE = timedelta(minutes=4)
_DEFAULT_REGION = "us-east-1"
_MISSING = re.compile(r"\b[A-Z][a-z ]{1,40} must be specified\b")

Client = S3Store | GCSStore | AzureStore


@dataclass(frozen=True, slots=True)
class Clients:
    """One store, by use."""

    reads: Client
    creates: Client
    large_creates: Client
    s3: S3Clients | None


class S3Clients:
    """boto3's clients of one bucket, made when they are first used."""

    def __init__(self, session: boto3.Session, options: ObjectStoreSettings, region: str) -> None:
        self._session = session
        self._options = options
        self._region = region
        self._guard = Lock()  # a session makes one client at a time

    @cached_property
    def repeating(self) -> Any:
        """A client that tries again; for what changes nothing, or the same again."""
        return self._client(_PART_ATTEMPTS)

    @cached_property
    def once(self) -> Any:
        """A client that never tries again; for what creates an object."""
        return self._client(1)

    def _client(self, attempts: int) -> Any:
        options = self._options
        config = Config(
            connect_timeout=min(_CONNECT_SECONDS, options.timeout_seconds),
            read_timeout=options.timeout_seconds,
            retries={"total_max_attempts": attempts, "mode": "standard"},
            max_pool_connections=_CONNECTIONS,
            # Checksums are given with each request; the library's own way of adding them is one
            # that compatible stores do not know.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path" if options.endpoint else "auto"},
        )
        with self._guard:
            return self._session.client(
                "s3", endpoint_url=options.endpoint, region_name=self._region, config=config
            )


def open_clients(address: Address, options: ObjectStoreSettings) -> Clients:
    """Open the clients of an address; nothing is asked of the store yet.

    Raises:
        CredentialMissing: there are no credentials, or no such profile.
        SettingsInvalid: something is missing that the provider's client needs.
    """
    seconds = options.timeout_seconds
    answer = timedelta(seconds=seconds)
    retries: RetryConfig = {"max_retries": _READ_RETRIES, "retry_timeout": answer}
    never: RetryConfig = {"max_retries": 0, "retry_timeout": answer}
    session = _session(options) if address.scheme == S3 else None
    credentials = None if session is None else _Credentials(session, address)
    region = options.region or (session.region_name if session else None) or _DEFAULT_REGION

    config: S3Config = {"region": region, "checksum_algorithm": "SHA256"}
    if options.endpoint:
        config["endpoint"] = options.endpoint

    def client(timeout: float, retry: RetryConfig) -> Client:
        connection: ClientConfig = {
            "allow_http": options.allow_http,
            "connect_timeout": timedelta(seconds=min(_CONNECT_SECONDS, seconds)),
            "timeout": timedelta(seconds=timeout),
        }
        if retry is retries:
            connection["read_timeout"] = timedelta(seconds=min(_SILENCE_SECONDS, seconds))
        try:
            if credentials is not None:
                return _s3(address, config, credentials, connection, retry)
            return _other(address, options, connection, retry)
        except BaseError as error:
            raise _unusable(address, error) from error

    return Clients(
        reads=client(_PART_SECONDS, retries),
        creates=client(seconds, never),
        large_creates=client(_PART_SECONDS, never),
        s3=None if session is None else S3Clients(session, options, region),
    )


def _unusable(address: Address, error: BaseError) -> SettingsInvalid:
    said = _MISSING.search(str(error))
    return SettingsInvalid(
        f"store {address}",
        expected="settings and an environment that the provider's client can use",
        found=said[0] if said else "some that it cannot; what it says may hold a secret",
        remedy="Correct `object_store` in platform.yaml, or the provider's variables in the "
        "environment (docs/stores.md).",
    )


def _session(options: ObjectStoreSettings) -> boto3.Session:
    try:
        return aws_session(options.profile)
    except BotoCoreError as error:
        raise CredentialMissing(
            f"AWS profile {options.profile}",
            expected="a profile of the AWS configuration",
            found=f"{type(error).__name__}: {error}",
            remedy="Configure the profile, or name another one as `object_store.profile`.",
        ) from error


class _Credentials:
    """Gives obstore what boto3's chain finds at the moment of use."""

    def __init__(self, session: boto3.Session, address: Address) -> None:
        try:
            found = session.get_credentials()
        except BotoCoreError as error:
            raise _no_credentials(address, f"{type(error).__name__}: {error}") from error
        if found is None:
            raise _no_credentials(address, "none")
        self._found = found
        self._address = address

    def __call__(self) -> S3Credential:
        try:
            now = self._found.get_frozen_credentials()
        except BotoCoreError as error:
            raise _no_credentials(self._address, f"{type(error).__name__}: {error}") from error
        return {
            "access_key_id": now.access_key,
            "secret_access_key": now.secret_key,
            "token": now.token,
            "expires_at": datetime.now(UTC) + _CREDENTIAL_LIFE,
        }


def _no_credentials(address: Address, found: str) -> CredentialMissing:
    return CredentialMissing(
        f"credentials for {address}",
        expected="AWS credentials in the provider's usual chain",
        found=found,
        remedy="Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; sign in "
        "(aws sso login); or run where a role is attached.",
    )


def _s3(
    address: Address,
    config: S3Config,
    credentials: _Credentials,
    connection: ClientConfig,
    retry: RetryConfig,
) -> S3Store:
    return S3Store(
        address.bucket,
        prefix=address.prefix or None,
        config=config,
        client_options=connection,
        retry_config=retry,
        credential_provider=credentials,
    )


def _other(
    address: Address, options: ObjectStoreSettings, connection: ClientConfig, retry: RetryConfig
) -> GCSStore | AzureStore:
    if address.scheme == GCS:
        google: GCSConfig = {"base_url": options.endpoint} if options.endpoint else {}
        return GCSStore(
            address.bucket,
            prefix=address.prefix or None,
            config=google,
            client_options=connection,
            retry_config=retry,
        )
    azure: AzureConfig = {}
    if options.account:
        azure["account_name"] = options.account
    if options.endpoint:
        azure["endpoint"] = options.endpoint
    return AzureStore(
        address.bucket,
        prefix=address.prefix or None,
        config=azure,
        client_options=connection,
        retry_config=retry,
    )
