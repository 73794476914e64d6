"""Where the records of a feed come from, and how to reach it. Secrets are referred to, never written.

What is declared here is how to reach a stream. What the stream is, its cluster and its incarnation, is
seen and pinned with the anchors, so that another address can be declared for the same stream.
"""

from __future__ import annotations

import posixpath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ByteSize, ConfigDict, Field, model_validator
from pydantic.config import JsonDict  # noqa: TC002 - read at run time

from platform_assets.declarations.model import Declaration
from platform_assets.declarations.rules import ADDRESS, ENDPOINT, REGION, VARIABLE

_LARGEST_PORT = 65_535


def _with_a_port(address: str) -> str:
    port = int(address.rpartition(":")[2])
    if not 0 < port <= _LARGEST_PORT:
        raise ValueError(f"port {port} is none; ports are 1 to {_LARGEST_PORT}")
    return address


Seconds = Annotated[int, Field(gt=0, strict=True)]
Address = Annotated[str, Field(pattern=ADDRESS), AfterValidator(_with_a_port)]
Region = Annotated[str, Field(pattern=REGION)]


def _unquoted(schema: JsonDict) -> None:
    """Let a JSON Schema demand nothing of what may be a credential, written out in its place.

    Whoever validates against it quotes what does not fit. The model refuses it too, and does not.
    """
    for key in ("type", "pattern", "minLength", "anyOf", "if", "then"):
        schema.pop(key, None)


class SecretReference(Declaration):
    """A credential, named by the environment variable or the file that holds it."""

    model_config = ConfigDict(json_schema_extra=_unquoted)

    env: Annotated[
        str | None,
        Field(
            pattern=VARIABLE,
            description="Environment variable that holds it.",
            json_schema_extra=_unquoted,
        ),
    ] = None
    file: Annotated[
        str | None,
        Field(
            min_length=1,
            description="File that holds it, relative to the home.",
            json_schema_extra=_unquoted,
        ),
    ] = None

    @model_validator(mode="after")
    def _names_one_place(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("needs exactly one of `env` and `file`; a secret never stands in YAML")
        return self


class FileLogSource(Declaration):
    """A directory ``<topic>/<partition>/<base offset, 20 digits>.ndjson[.zst]``."""

    kind: Literal["file_log"]
    path: Annotated[str, Field(description="The log's directory, relative to the platform home.")]

    def places(self) -> frozenset[str]:
        """Return what names the source; two that share a place read the same streams."""
        return frozenset({posixpath.normpath(self.path)})

    def secrets(self) -> tuple[SecretReference, ...]:
        """Return the credentials that no record may hold: none."""
        return ()


class SaslDeclaration(Declaration):
    """How a Kafka client proves who it is."""

    model_config = ConfigDict(json_schema_extra=_unquoted)

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM"]
    username: SecretReference | None = None
    password: SecretReference | None = None
    token: Annotated[
        SecretReference | None,
        Field(description="OAUTHBEARER: a token that something else renews; read at every use."),
    ] = None
    region: Annotated[Region | None, Field(description="AWS_MSK_IAM: the cluster's region.")] = None

    @model_validator(mode="after")
    def _has_what_the_mechanism_needs(self) -> Self:
        needed = {"OAUTHBEARER": ("token",), "AWS_MSK_IAM": ("region",)}
        names = needed.get(self.mechanism, ("username", "password"))
        given = [name for name in _OF_MECHANISMS if getattr(self, name) is not None]
        lacking = [name for name in names if name not in given]
        beyond = [name for name in given if name not in names]
        problems = [f"needs {', '.join(lacking)}"] if lacking else []
        problems += [f"takes no {', '.join(beyond)}"] if beyond else []
        if problems:
            raise ValueError(f"{self.mechanism} {' and '.join(problems)}")
        return self


_OF_MECHANISMS = ("username", "password", "token", "region")


class TlsDeclaration(Declaration):
    """How a client trusts its server and shows who it is. Files are relative to the home."""

    ca_file: Annotated[
        str | None, Field(description="PEM; the system's authorities if absent.")
    ] = None
    certificate_file: str | None = None
    key_file: str | None = None
    key_password: SecretReference | None = None

    @model_validator(mode="after")
    def _certificate_and_key_go_together(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("`certificate_file` and `key_file` go together")
        if self.key_password is not None and self.key_file is None:
            raise ValueError("there is no `key_file` that `key_password` would open")
        return self


class KafkaSource(Declaration):
    """Topics of a Kafka cluster."""

    kind: Literal["kafka"]
    bootstrap: Annotated[tuple[Address, ...], Field(min_length=1, description="host:port")]
    sasl: SaslDeclaration | None = None
    tls: Annotated[
        TlsDeclaration | None, Field(description="`tls: {}` trusts the system's authorities.")
    ] = None
    timeout_seconds: Annotated[
        Seconds, Field(description="How long a step waits without any progress before it gives up.")
    ] = 60
    fetch_memory: Annotated[
        ByteSize, Field(ge=1024**2, description="How much is read ahead of what is landed.")
    ] = ByteSize(64 * 1024**2)

    @model_validator(mode="before")
    @classmethod
    def _security_is_never_left_open(cls, given: object) -> object:
        # what stands there was meant to protect something; absent, it would mean a clear connection
        for name in ("sasl", "tls"):
            if isinstance(given, dict) and name in given and given[name] is None:
                meant = ", or write `tls: {}` to trust the system's authorities"
                raise ValueError(f"`{name}` is empty; remove it{meant if name == 'tls' else ''}")
        return given

    @model_validator(mode="after")
    def _iam_is_encrypted(self) -> Self:
        if self.sasl is not None and self.sasl.mechanism == "AWS_MSK_IAM" and self.tls is None:
            raise ValueError("AWS_MSK_IAM speaks over TLS only; add `tls: {}`")
        return self

    def places(self) -> frozenset[str]:
        """Return what names the source; two that share a place read the same streams."""
        return frozenset(address.lower() for address in self.bootstrap)

    def secrets(self) -> tuple[SecretReference, ...]:
        """Return the credentials that no record may hold. A name is none: it occurs by chance."""
        sasl = (self.sasl.password, self.sasl.token) if self.sasl else ()
        tls = (self.tls.key_password,) if self.tls else ()
        return tuple(reference for reference in (*sasl, *tls) if reference is not None)


class KinesisSource(Declaration):
    """Kinesis streams of one account and region. Credentials come by the provider's usual chain."""

    kind: Literal["kinesis"]
    region: Region
    endpoint: Annotated[
        str | None,
        Field(
            pattern=ENDPOINT,
            description="Another endpoint than the region's.",
            json_schema_extra=_unquoted,
        ),
    ] = None
    profile: Annotated[str | None, Field(description="A profile of the AWS configuration.")] = None
    timeout_seconds: Annotated[
        Seconds, Field(description="How long a step waits without any progress before it gives up.")
    ] = 60

    def places(self) -> frozenset[str]:
        """Return what names the source; two that share a place read the same streams."""
        return frozenset({f"{self.endpoint or self.region} {self.profile or ''}"})

    def secrets(self) -> tuple[SecretReference, ...]:
        """Return the credentials that no record may hold: none is referred to."""
        return ()


#: Every kind of source, told apart by ``kind``.
SourceDeclaration = Annotated[
    FileLogSource | KafkaSource | KinesisSource, Field(discriminator="kind")
]
