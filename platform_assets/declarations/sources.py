"""Where the records of a feed come from, and how to reach it. Secrets are referred to, never written.

What is declared here is how to reach a stream. What the stream is, its cluster and its incarnation, is
seen and pinned with the anchors, so that another address can be declared for the same stream.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ByteSize, Field, model_validator

from platform_assets.declarations.model import Declaration

Seconds = Annotated[int, Field(gt=0, strict=True)]
Address = Annotated[str, Field(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[\w.-]+):\d{1,5}$")]


class SecretReference(Declaration):
    """A credential, named by the environment variable or the file that holds it."""

    env: Annotated[str | None, Field(description="Environment variable that holds it.")] = None
    file: Annotated[str | None, Field(description="File that holds it, relative to the home.")] = (
        None
    )

    @model_validator(mode="after")
    def _names_one_place(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("needs exactly one of `env` and `file`; a secret never stands in YAML")
        return self


class FileLogSource(Declaration):
    """A directory ``<topic>/<partition>/<base offset, 20 digits>.ndjson[.zst]``."""

    kind: Literal["file_log"]
    path: Annotated[str, Field(description="The log's directory, relative to the platform home.")]


class SaslDeclaration(Declaration):
    """How a Kafka client proves who it is."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM"]
    username: SecretReference | None = None
    password: SecretReference | None = None
    token: Annotated[
        SecretReference | None,
        Field(description="OAUTHBEARER: a token that something else renews; read at every use."),
    ] = None
    region: Annotated[str | None, Field(description="AWS_MSK_IAM: the cluster's region.")] = None

    @model_validator(mode="after")
    def _has_what_the_mechanism_needs(self) -> Self:
        needed = {"OAUTHBEARER": ("token",), "AWS_MSK_IAM": ("region",)}
        names = needed.get(self.mechanism, ("username", "password"))
        for name in ("username", "password", "token", "region"):
            if (getattr(self, name) is not None) != (name in names):
                raise ValueError(f"{self.mechanism} takes {' and '.join(names)}, and nothing else")
        return self


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


class KinesisSource(Declaration):
    """Kinesis streams of one account and region. Credentials come by the provider's usual chain."""

    kind: Literal["kinesis"]
    region: str
    endpoint: Annotated[str | None, Field(description="Another endpoint than the region's.")] = None
    profile: Annotated[str | None, Field(description="A profile of the AWS configuration.")] = None
    timeout_seconds: Annotated[
        Seconds, Field(description="How long a step waits without any progress before it gives up.")
    ] = 60


#: Every kind of source, told apart by ``kind``.
SourceDeclaration = Annotated[
    FileLogSource | KafkaSource | KinesisSource, Field(discriminator="kind")
]
