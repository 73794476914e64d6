"""What went wrong between a client library and the brokers, in the platform's own words.

`from_kafka_python(where, error)` and `from_librdkafka(where, error)` map every error of a library:

- who the client is, or what it may do, or whom it trusts: `SourceDenied`;
- no such topic or partition: `SourceChanged`;
- bytes that are no record batches: `GapUnproven`;
- everything else that stands between the client and an answer: `SourceUnreachable`.

An error of the platform itself, for example a missing credential, passes as it is. Neither library puts
a secret into its messages, and the principal is named by where its name stands.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import kafka.errors as kafka_errors
from confluent_kafka import KafkaError

from platform_assets.adapters.kafka.security import principal
from platform_assets.errors import (
    GapUnproven,
    PlatformError,
    SourceChanged,
    SourceDenied,
    SourceUnreachable,
)

if TYPE_CHECKING:
    from platform_assets.declarations import KafkaSource


@dataclass(frozen=True, slots=True)
class Where:
    """What was asked for, and of whom: the thing that an error names."""

    source: KafkaSource
    topic: str | None = None
    partition: int | None = None

    def __str__(self) -> str:
        names = [] if self.partition is None else [f"partition {self.partition}"]
        names += [] if self.topic is None else [f"topic {self.topic}"]
        return " of ".join([*names, f"kafka at {', '.join(self.source.bootstrap)}"])


_DENIED = (
    kafka_errors.AuthorizationError,
    kafka_errors.SaslAuthenticationFailedError,
    kafka_errors.UnsupportedSaslMechanismError,
    kafka_errors.IllegalSaslStateError,
    kafka_errors.SecurityDisabledError,
)
_MISSING = (
    kafka_errors.UnknownTopicOrPartitionError,
    kafka_errors.UnknownTopicIdError,
    kafka_errors.InconsistentTopicIdError,
    kafka_errors.InvalidTopicError,
)
_DAMAGED = (kafka_errors.CorruptRecordError, kafka_errors.UnsupportedCodecError)

#: What librdkafka and the brokers say of a client that is not let in.
DENIED_CODES = {
    KafkaError._AUTHENTICATION,  # noqa: SLF001 - the library's name for a client-side code
    KafkaError._SSL,  # noqa: SLF001
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.UNSUPPORTED_SASL_MECHANISM,
    KafkaError.ILLEGAL_SASL_STATE,
    KafkaError.SECURITY_DISABLED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
}
MISSING_CODES = {
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.UNKNOWN_TOPIC_ID,
    KafkaError.INCONSISTENT_TOPIC_ID,
    KafkaError.TOPIC_EXCEPTION,
}
DAMAGED_CODES = {
    KafkaError._BAD_MSG,  # noqa: SLF001
    KafkaError._BAD_COMPRESSION,  # noqa: SLF001
    KafkaError.INVALID_MSG,
}


def is_final(error: BaseException) -> bool:
    """Tell whether asking again cannot help: a refusal, not an outage."""
    return isinstance(error, (PlatformError, *_DENIED)) or tls_reason(error) is not None


def from_kafka_python(where: Where, error: BaseException) -> PlatformError:
    """Return the platform's error for one of kafka-python."""
    if isinstance(error, PlatformError):
        return error
    reason = tls_reason(error)
    if reason is not None:
        return tls_refused(where, reason)
    if isinstance(error, _DENIED):
        return denied(where, described(error))
    if isinstance(error, _MISSING):
        return missing(where, described(error))
    if isinstance(error, _DAMAGED):
        return damaged(where, described(error))
    return unreachable(where, described(error))


def from_librdkafka(where: Where, error: KafkaError) -> PlatformError:
    """Return the platform's error for one of librdkafka."""
    found = f"{error.name()}: {error.str()}"
    code = error.code()
    if code == KafkaError._SSL:  # noqa: SLF001 - the library's name for a client-side code
        return tls_refused(where, found)
    if code in DENIED_CODES:
        return denied(where, found)
    if code in MISSING_CODES:
        return missing(where, found)
    if code in DAMAGED_CODES:
        return damaged(where, found)
    return unreachable(where, found)


def described(error: BaseException) -> str:
    """Return an error of kafka-python in a line."""
    if isinstance(error, kafka_errors.KafkaConnectionError) and not error.args:
        return "the connection broke off, or never came up"
    name = type(error).__name__.removesuffix("Error")
    text = str(error).strip()
    return text if text.startswith(("[Error", name)) or name in text else f"{name} {text}".strip()


def tls_reason(error: BaseException) -> str | None:
    """Return why TLS failed, where that is what happened; kafka-python wraps the reason."""
    found: BaseException | None = error
    for _ in range(5):
        if isinstance(found, ssl.SSLError):
            verified = getattr(found, "verify_message", None)
            return f"{found.reason or found}" + (f": {verified}" if verified else "")
        if found is None:
            return None
        wrapped = found.args[0] if found.args else None
        found = wrapped if isinstance(wrapped, BaseException) else found.__context__
    return None


def unreachable(where: Where, found: str) -> SourceUnreachable:
    """Return the error of an outage."""
    return SourceUnreachable(
        str(where),
        expected=f"an answer within {where.source.timeout_seconds} s",
        found=found,
        remedy="See whether the brokers run and can be reached from here, under the addresses that"
        " they advertise, and whether `tls` and `sasl` are declared as they are set up there;"
        " then try again.",
    )


def denied(where: Where, found: str) -> SourceDenied:
    """Return the error of a client that is not let in, or may not do what it asks."""
    return SourceDenied(
        str(where),
        expected=f"access for {principal(where.source)}",
        found=found,
        remedy="Correct the credentials, see whether the port in `bootstrap` is one for `sasl` as it is"
        " declared, or grant what a reader needs: READ, DESCRIBE and DESCRIBE_CONFIGS on the topic.",
    )


def tls_refused(where: Where, found: str) -> SourceDenied:
    """Return the error of a client and a server that do not trust each other."""
    return SourceDenied(
        str(where),
        expected="a TLS connection in which both sides accept each other's certificate",
        found=found,
        remedy="See whether the port in `bootstrap` is one for TLS, and `tls` of the source: `ca_file`"
        " has to hold the authority that signed the brokers' certificates, and they have to be for the"
        " host names in `bootstrap`.",
    )


def missing(where: Where, found: str) -> SourceChanged:
    """Return the error of a topic, or a partition, that the cluster does not have."""
    return SourceChanged(
        str(where),
        expected="a topic of that name, with the partitions that were asked for",
        found=f"a cluster that answers, and does not know it: {found}",
        remedy="Correct `topic` or `bootstrap` in the declaration, or create the topic. A topic that"
        " was deleted does not come back: declare a feed of another name for a new one.",
    )


def damaged(where: Where, found: str) -> GapUnproven:
    """Return the error of record batches that cannot be read."""
    return GapUnproven(
        str(where),
        expected="record batches whose checksums and formats are right",
        found=found,
        remedy="Let another replica lead the partition, or restore the records; nothing is skipped.",
    )
