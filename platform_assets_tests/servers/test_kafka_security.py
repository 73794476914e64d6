"""A secured broker lets in who can show who it is, and lets it do what it was allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AclOperation, AdminClient

from platform_assets_tests.servers.certificates import CertificateAuthority
from platform_assets_tests.servers.kafka_security import allow
from platform_assets_tests.servers.kafka_topics import new_topic

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets_tests.servers.kafka_cluster import KafkaCluster

_SECONDS = 20
#: A client asks for its group's coordinator although it joins no group, and is refused that as well.
_NOT_THE_CAUSE = (KafkaError._ALL_BROKERS_DOWN, KafkaError.GROUP_AUTHORIZATION_FAILED)
_WAYS = [
    ("SASL_PLAINTEXT", "PLAIN"),
    ("SASL_PLAINTEXT", "SCRAM-SHA-256"),
    ("SASL_PLAINTEXT", "SCRAM-SHA-512"),
    ("SASL_PLAINTEXT", "OAUTHBEARER"),
    ("SASL_SSL", "PLAIN"),
    ("SASL_SSL", "SCRAM-SHA-512"),
    ("SASL_SSL", "OAUTHBEARER"),
    ("SSL", ""),
]


def _client(
    cluster: KafkaCluster, listener: str, mechanism: str, user: str, **other: Any
) -> dict[str, Any]:
    security = cluster.security
    assert security is not None
    settings: dict[str, Any] = {
        "bootstrap.servers": ",".join(cluster.addresses(listener)),
        "security.protocol": listener,
        "log_level": 0,
    }
    if listener.endswith("SSL"):
        settings["ssl.ca.location"] = str(security.authority.file)
    if listener == "SSL":
        issued = security.authority.issue(user)
        settings["ssl.certificate.location"] = str(issued.certificate)
        settings["ssl.key.location"] = str(issued.key)
    elif mechanism == "OAUTHBEARER":
        settings |= {
            "sasl.mechanism": mechanism,
            "enable.sasl.oauthbearer.unsecure.jwt": True,
            "sasl.oauthbearer.config": f"principal={user}",
        }
    else:
        settings |= {
            "sasl.mechanism": mechanism,
            "sasl.username": user,
            "sasl.password": security.passwords[user],
        }
    return settings | other


@pytest.fixture(scope="module")
def secret_topic(kafka_secured: KafkaCluster) -> str:
    """One record, which the reader may read."""
    name = new_topic(kafka_secured.bootstrap, "secret")
    allow(kafka_secured.bootstrap, "reader", name, AclOperation.READ, AclOperation.DESCRIBE)
    producer = Producer({"bootstrap.servers": ",".join(kafka_secured.bootstrap)})
    producer.produce(name, b"hidden", partition=0)
    assert producer.flush(_SECONDS) == 0
    return name


def _first(settings: dict[str, Any], topic: str) -> bytes:
    """Return the value of the first record, or raise the first error that says why not."""
    errors: list[KafkaError] = []
    consumer = Consumer(
        {"group.id": "unused", "enable.auto.commit": False, "error_cb": errors.append, **settings}
    )
    consumer.assign([TopicPartition(topic, 0, 0)])
    try:
        for _ in range(_SECONDS * 10):
            message = consumer.poll(0.1)
            told = [message.error()] if message is not None and message.error() else []
            for error in [*told, *errors]:
                if error.code() not in _NOT_THE_CAUSE:
                    raise KafkaException(error)
            if message is not None and not told:
                return bytes(message.value())
    finally:
        consumer.close()
    raise AssertionError("neither a record nor an error")


@pytest.mark.parametrize(("listener", "mechanism"), _WAYS)
def test_a_user_reads_what_it_was_allowed(
    listener: str, mechanism: str, kafka_secured: KafkaCluster, secret_topic: str
) -> None:
    settings = _client(kafka_secured, listener, mechanism, "reader")
    assert _first(settings, secret_topic) == b"hidden"


@pytest.mark.parametrize(("listener", "mechanism"), _WAYS)
def test_a_user_without_permission_is_refused(
    listener: str, mechanism: str, kafka_secured: KafkaCluster, secret_topic: str
) -> None:
    settings = _client(kafka_secured, listener, mechanism, "stranger")
    # A consumer with this assignment would wait for ever and say nothing; the metadata say it.
    metadata = AdminClient(settings).list_topics(secret_topic, timeout=_SECONDS)
    error = metadata.topics[secret_topic].error
    assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


@pytest.mark.parametrize(
    ("listener", "mechanism"), [way for way in _WAYS if way[1].startswith(("PLAIN", "SCRAM"))]
)
def test_a_wrong_password_is_refused(
    listener: str, mechanism: str, kafka_secured: KafkaCluster, secret_topic: str
) -> None:
    settings = _client(
        kafka_secured, listener, mechanism, "reader", **{"sasl.password": "not the password"}
    )
    with pytest.raises(KafkaException) as refusal:
        _first(settings, secret_topic)
    assert refusal.value.args[0].code() == KafkaError._AUTHENTICATION


@pytest.mark.parametrize("listener", ["SASL_SSL", "SSL"])
def test_another_authority_is_not_trusted(
    listener: str, kafka_secured: KafkaCluster, secret_topic: str, tmp_path: Path
) -> None:
    other = CertificateAuthority(tmp_path, "Another authority")
    settings = _client(
        kafka_secured, listener, "PLAIN", "reader", **{"ssl.ca.location": str(other.file)}
    )
    with pytest.raises(KafkaException) as refusal:
        _first(settings, secret_topic)
    # The library's code for it is _SSL or, when the connection is torn down first, _TRANSPORT.
    assert "certificate verify failed" in refusal.value.args[0].str()


def test_a_certificate_of_another_authority_is_refused(
    kafka_secured: KafkaCluster, secret_topic: str, tmp_path: Path
) -> None:
    issued = CertificateAuthority(tmp_path, "Another authority").issue("reader")
    settings = _client(
        kafka_secured,
        "SSL",
        "",
        "reader",
        **{
            "ssl.certificate.location": str(issued.certificate),
            "ssl.key.location": str(issued.key),
        },
    )
    with pytest.raises(KafkaException):
        _first(settings, secret_topic)
