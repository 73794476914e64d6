"""How a client proves who it is and whom it trusts: one declaration, two client libraries.

`kafka_python_settings(source, home)` and `librdkafka_settings(source, home)` give the same access to
the same brokers. Both read the credentials from where the declaration says, and both check the TLS
files first, so that a mistake in them is named by file and not by a library's code.

The settings hold secrets: they are handed to the library and neither printed nor kept. What a library
logs of its own is silenced where it would contain what is sent to authenticate.

Raises, everywhere: CredentialMissing (a secret or file is not there, or cannot be used).
"""

from __future__ import annotations

import logging
import ssl
from typing import TYPE_CHECKING, Any

from kafka.net.sasl.oauth import AbstractTokenProvider

from platform_assets.adapters.credentials import place, secret
from platform_assets.adapters.kafka.tokens import bearer, msk_iam
from platform_assets.errors import CredentialMissing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platform_assets.adapters.kafka.tokens import Token
    from platform_assets.declarations import KafkaSource
    from platform_assets.declarations.sources import SaslDeclaration, TlsDeclaration

CLIENT_ID = "platform-assets"

_log = logging.getLogger("platform_assets.kafka")
_log.addHandler(logging.NullHandler())


def kafka_python_settings(source: KafkaSource, home: Path) -> dict[str, Any]:
    """Return the settings of kafka-python that concern addresses, TLS and SASL."""
    settings: dict[str, Any] = {
        "bootstrap_servers": list(source.bootstrap),
        "client_id": CLIENT_ID,
        "security_protocol": _protocol(source),
    }
    if source.tls is not None:
        settings["ssl_context"] = _tls_context(source.tls, home)
    if source.sasl is not None:
        token = _token_source(source.sasl, home)
        if token is not None:
            settings["sasl_mechanism"] = "OAUTHBEARER"
            settings["sasl_oauth_token_provider"] = _TokenProvider(token)
        else:
            settings["sasl_mechanism"] = source.sasl.mechanism
            settings["sasl_plain_username"], settings["sasl_plain_password"] = _login(
                source.sasl, home
            )
    return settings


def librdkafka_settings(source: KafkaSource, home: Path) -> dict[str, Any]:
    """Return the settings of librdkafka that concern addresses, TLS, SASL and logging.

    A token is taken once at once, because librdkafka would swallow the reason of a missing one.
    """
    settings: dict[str, Any] = {
        "bootstrap.servers": ",".join(source.bootstrap),
        "client.id": CLIENT_ID,
        "security.protocol": _protocol(source),
        "logger": _log,
    }
    if source.tls is not None:
        _tls_context(source.tls, home)
        settings |= _tls_files(source.tls, home)
    if source.sasl is not None:
        token = _token_source(source.sasl, home)
        if token is not None:
            token()
            settings["sasl.mechanism"] = "OAUTHBEARER"
            settings["oauth_cb"] = _token_callback(token)
        else:
            settings["sasl.mechanism"] = source.sasl.mechanism
            settings["sasl.username"], settings["sasl.password"] = _login(source.sasl, home)
    return settings


def principal(source: KafkaSource) -> str:
    """Return who the client claims to be, for messages: the mechanism and where the name stands."""
    if source.sasl is not None:
        if source.sasl.username is not None:
            return f"{source.sasl.mechanism} as the user in {place(source.sasl.username)}"
        if source.sasl.token is not None:
            return f"{source.sasl.mechanism} with the token in {place(source.sasl.token)}"
        return f"{source.sasl.mechanism} with the AWS credentials of the process"
    if source.tls is not None and source.tls.certificate_file is not None:
        return f"the client certificate in {source.tls.certificate_file}"
    return "nobody: neither `sasl` nor a client certificate is declared"


def _protocol(source: KafkaSource) -> str:
    if source.sasl is not None:
        return "SASL_PLAINTEXT" if source.tls is None else "SASL_SSL"
    return "PLAINTEXT" if source.tls is None else "SSL"


def _login(sasl: SaslDeclaration, home: Path) -> tuple[str, str]:
    if sasl.username is None or sasl.password is None:
        raise RuntimeError(f"the declaration of {sasl.mechanism} was not validated")
    return secret(sasl.username, home), secret(sasl.password, home)


def _token_source(sasl: SaslDeclaration, home: Path) -> Callable[[], Token] | None:
    if sasl.token is not None:
        return bearer(sasl.token, home)
    if sasl.region is None:
        return None
    return msk_iam(sasl.region)


class _TokenProvider(AbstractTokenProvider):  # type: ignore[misc]  # kafka-python is untyped
    """What kafka-python asks for a token at each connection."""

    def __init__(self, token: Callable[[], Token]) -> None:
        super().__init__()
        self._token = token

    def token(self) -> str:
        return self._token().value


def _token_callback(token: Callable[[], Token]) -> Callable[[str], tuple[str, float]]:
    def call(_: str) -> tuple[str, float]:
        found = token()
        return found.value, found.expires_at

    return call


def _tls_files(tls: TlsDeclaration, home: Path) -> dict[str, str]:
    names = {
        "ssl.ca.location": tls.ca_file,
        "ssl.certificate.location": tls.certificate_file,
        "ssl.key.location": tls.key_file,
    }
    settings = {name: str(home / file) for name, file in names.items() if file is not None}
    if tls.key_password is not None:
        settings["ssl.key.password"] = secret(tls.key_password, home)
    return settings


def _tls_context(tls: TlsDeclaration, home: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if tls.ca_file is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(home / tls.ca_file)
    except OSError as error:
        raise _unusable(str(tls.ca_file), "certificates in PEM", error) from None
    if tls.certificate_file is not None and tls.key_file is not None:
        # An empty password is an error; none would make OpenSSL ask at the terminal.
        password = "" if tls.key_password is None else secret(tls.key_password, home)
        try:
            context.load_cert_chain(home / tls.certificate_file, home / tls.key_file, password)
        except OSError as error:
            files = f"{tls.certificate_file} and {tls.key_file}"
            raise _unusable(files, "a certificate and its key in PEM", error) from None
    return context


def _unusable(files: str, expected: str, error: OSError) -> CredentialMissing:
    reason = getattr(error, "reason", None) or error.strerror or type(error).__name__
    return CredentialMissing(
        f"TLS files {files}",
        expected=expected,
        found=str(reason),
        remedy="Correct the files, or `tls` in the source's declaration. The home is their base.",
    )


class _Unspoken(logging.Filter):
    """Drops what would print how a client authenticates: requests of SASL, raw frames, user names."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.INFO


for _name in ("kafka.net.connection", "kafka.protocol.parser", "kafka.net.manager"):
    logging.getLogger(_name).addFilter(_Unspoken())
