"""Who a client is, what it may do and whom it trusts, against a broker that asks.

Both client libraries are given what one declaration says; what they refuse has the same name.
"""

from __future__ import annotations

import base64
import json
import logging
import time
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AclOperation

from platform_assets.adapters.kafka.batches import BatchScan
from platform_assets.adapters.kafka.connection import Brokers
from platform_assets.adapters.kafka.errors import DENIED_CODES, Where, from_librdkafka
from platform_assets.adapters.kafka.metadata import Topic
from platform_assets.adapters.kafka.security import librdkafka_settings
from platform_assets.declarations import KafkaSource
from platform_assets.errors import (
    CredentialMissing,
    SourceDenied,
    SourceUnreachable,
)
from platform_assets_tests.adapters.kafka.known_logs import Ledger, Writer, numbered
from platform_assets_tests.servers.certificates import CertificateAuthority
from platform_assets_tests.servers.kafka_security import allow
from platform_assets_tests.servers.kafka_topics import new_topic

if TYPE_CHECKING:
    from pathlib import Path

    from confluent_kafka import KafkaError

    from platform_assets_tests.servers.kafka_cluster import KafkaCluster

MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class Access:
    """A secured cluster with a topic of three records, and declarations of ways to it."""

    def __init__(self, cluster: KafkaCluster, home: Path) -> None:
        assert cluster.security is not None
        self.cluster = cluster
        self.security = cluster.security
        self.home = home
        self.topic = new_topic(cluster.bootstrap, "events")
        Writer(cluster.bootstrap, self.topic, Ledger(), transactions=False).write(
            list(numbered(0, 3))
        )
        (home / "ca.pem").write_bytes(self.security.authority.file.read_bytes())

    def allow(self, user: str, *operations: AclOperation) -> None:
        allow(self.cluster.bootstrap, user, self.topic, *operations)

    def source(
        self, listener: str, *, sasl: dict[str, Any] | None = None, seconds: int = 20, **tls: Any
    ) -> KafkaSource:
        if listener.endswith("SSL"):
            tls = {"tls": {"ca_file": "ca.pem", **tls}}
        return KafkaSource.model_validate(
            {
                "kind": "kafka",
                "bootstrap": tuple(self.cluster.addresses(listener)),
                "timeout_seconds": seconds,
                **({} if sasl is None else {"sasl": sasl}),
                **tls,
            }
        )

    def login(self, mechanism: str, user: str, password: str | None = None) -> dict[str, Any]:
        (self.home / "user").write_text(user + "\n")
        (self.home / "password").write_text(password or self.security.passwords[user])
        return {
            "mechanism": mechanism,
            "username": {"file": "user"},
            "password": {"file": "password"},
        }

    def ends(self, source: KafkaSource) -> dict[int, int]:
        """Ask what a reader asks: description, policy, offsets, batches."""
        with Brokers(source, self.home) as brokers:
            topic = Topic(brokers, self.topic)
            described = topic.describe()
            topic.cleanup_policy()
            ends = topic.stable_ends([0])
            assert len(list(BatchScan(topic, described, 0).scan(0, ends[0]))) == 1
            return ends

    def consumed(self, source: KafkaSource) -> int:
        """Count what librdkafka delivers; raise what it reports in the platform's words."""
        reported: list[KafkaError] = []
        consumer = Consumer(
            {
                **librdkafka_settings(source, self.home),
                "group.id": "access",
                "error_cb": reported.append,
            }
        )
        try:
            consumer.assign([TopicPartition(self.topic, 0, 0)])
            deadline = time.monotonic() + source.timeout_seconds
            found = 0
            while found < 3:
                assert time.monotonic() < deadline, reported
                found += sum(message.error() is None for message in consumer.consume(10, 0.2))
                for error in reported:
                    if error.code() in DENIED_CODES:
                        raise from_librdkafka(Where(source, self.topic), error)
            return found
        finally:
            consumer.close()


@pytest.fixture
def access(kafka_secured: KafkaCluster, tmp_path: Path) -> Access:
    return Access(kafka_secured, tmp_path)


# --- let in ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("listener", ["SASL_PLAINTEXT", "SASL_SSL"])
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_user_with_a_password_reads_through_both_libraries(
    access: Access, listener: str, mechanism: str
) -> None:
    source = access.source(listener, sasl=access.login(mechanism, "admin"))

    assert access.ends(source) == {0: 3}
    assert access.consumed(source) == 3


def test_a_reader_with_the_rights_that_the_error_names_reads(access: Access) -> None:
    source = access.source("SASL_SSL", sasl=access.login("SCRAM-SHA-512", "reader"))
    access.allow("reader", AclOperation.READ, AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS)

    assert access.ends(source) == {0: 3}


@pytest.mark.parametrize("listener", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_a_bearer_of_a_token_reads_through_both_libraries(access: Access, listener: str) -> None:
    (access.home / "token").write_text(unsecured_token("admin", time.time() + 600))
    source = access.source(listener, sasl={"mechanism": "OAUTHBEARER", "token": {"file": "token"}})

    assert access.ends(source) == {0: 3}
    assert access.consumed(source) == 3


def test_a_token_that_was_renewed_is_used_at_the_next_connection(access: Access) -> None:
    sasl = {"mechanism": "OAUTHBEARER", "token": {"file": "token"}}
    source = access.source("SASL_PLAINTEXT", sasl=sasl)
    (access.home / "token").write_text(unsecured_token("stranger", time.time() + 600))
    with Brokers(source, access.home) as brokers:
        topic = Topic(brokers, access.topic)
        with pytest.raises(SourceDenied):
            topic.describe()
        (access.home / "token").write_text(unsecured_token("admin", time.time() + 600))
        assert list(topic.describe().leaders) == [0]


def test_a_password_that_was_corrected_is_used_at_the_next_request(access: Access) -> None:
    source = access.source("SASL_PLAINTEXT", sasl=access.login("PLAIN", "admin", "mistyped"))
    with Brokers(source, access.home) as brokers:
        topic = Topic(brokers, access.topic)
        with pytest.raises(SourceDenied):
            topic.describe()
        access.login("PLAIN", "admin")
        assert list(topic.describe().leaders) == [0]


def test_a_client_certificate_is_who_the_client_is(access: Access) -> None:
    issued = access.security.authority.issue("admin")
    (access.home / "me.pem").write_bytes(issued.certificate.read_bytes())
    (access.home / "me.key").write_bytes(issued.key.read_bytes())
    source = access.source("SSL", certificate_file="me.pem", key_file="me.key")

    assert access.ends(source) == {0: 3}
    assert access.consumed(source) == 3


# --- not let in ------------------------------------------------------------------------------------


@pytest.mark.parametrize("listener", ["SASL_PLAINTEXT", "SASL_SSL"])
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_wrong_password_is_denied_at_once_and_never_printed(
    access: Access, mechanism: str, listener: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    source = access.source(listener, sasl=access.login(mechanism, "reader", "not-hunter2"))
    refusals = []
    for ask in (access.ends, access.consumed):
        with pytest.raises(SourceDenied, match=access.topic) as refused:
            ask(source)
        refusals.append(refused.value)

    assert f"{mechanism} as the user in the file user" in refusals[0].expected
    printed = "\n".join([caplog.text, *map(str, refusals), *map(repr, refusals)])
    assert "not-hunter2" not in printed
    assert base64.b64encode(b"not-hunter2").decode() not in printed
    assert "SaslAuthentication" in refusals[0].found


def test_a_right_password_is_not_printed_either(
    access: Access, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    password = access.security.passwords["admin"]
    access.ends(access.source("SASL_PLAINTEXT", sasl=access.login("PLAIN", "admin")))

    assert "kafka" in caplog.text
    assert password not in caplog.text


def test_a_mechanism_that_the_broker_does_not_offer_is_denied(access: Access) -> None:
    source = access.source("PLAINTEXT", sasl=access.login("PLAIN", "admin"), seconds=5)

    with pytest.raises(SourceDenied):
        access.ends(source)


@pytest.mark.parametrize(
    ("granted", "missing"),
    [
        ((), "TopicAuthorizationFailed"),
        ((AclOperation.DESCRIBE,), "DESCRIBE_CONFIGS"),
        ((AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS), "TopicAuthorizationFailed"),
    ],
    ids=["nothing", "not the policy", "not the records"],
)
def test_a_user_without_a_right_is_denied_and_told_what_is_needed(
    access: Access, granted: tuple[AclOperation, ...], missing: str
) -> None:
    source = access.source("SASL_PLAINTEXT", sasl=access.login("PLAIN", "stranger"))
    if granted:
        access.allow("stranger", *granted)

    with pytest.raises(SourceDenied, match=missing) as refused:
        access.ends(source)
    assert refused.value.exit_code == 3
    assert access.topic in refused.value.thing
    assert "READ, DESCRIBE and DESCRIBE_CONFIGS" in refused.value.remedy


def test_an_authority_that_did_not_sign_the_brokers_certificate_is_not_trusted(
    access: Access, tmp_path: Path
) -> None:
    other = CertificateAuthority(tmp_path / "other", "Another authority")
    (access.home / "other.pem").write_bytes(other.file.read_bytes())
    source = access.source("SASL_SSL", sasl=access.login("PLAIN", "admin"), ca_file="other.pem")

    for ask in (access.ends, access.consumed):
        with pytest.raises(SourceDenied, match="`ca_file` has to hold the authority"):
            ask(source)


def test_a_client_without_the_certificate_that_the_broker_demands_is_denied(
    access: Access,
) -> None:
    with pytest.raises(SourceDenied, match="TLS"):
        access.ends(access.source("SSL"))


def test_a_listener_that_speaks_otherwise_is_named_with_what_to_declare(access: Access) -> None:
    clear_to_tls = KafkaSource(
        kind="kafka", bootstrap=tuple(access.cluster.addresses("SSL")), timeout_seconds=3
    )
    clear_to_sasl = KafkaSource(
        kind="kafka", bootstrap=tuple(access.cluster.addresses("SASL_PLAINTEXT")), timeout_seconds=3
    )
    for source in (clear_to_tls, clear_to_sasl):
        with pytest.raises(SourceUnreachable, match="whether `tls` and `sasl` are declared"):
            access.ends(source)
    tls_to_clear = KafkaSource.model_validate(
        {
            "kind": "kafka",
            "bootstrap": tuple(access.cluster.bootstrap),
            "tls": {"ca_file": "ca.pem"},
            "timeout_seconds": 3,
        }
    )
    with pytest.raises((SourceDenied, SourceUnreachable)):
        access.ends(tls_to_clear)


def test_a_token_of_nobody_and_a_token_that_has_expired(access: Access) -> None:
    sasl = {"mechanism": "OAUTHBEARER", "token": {"file": "token"}}
    source = access.source("SASL_PLAINTEXT", sasl=sasl)
    (access.home / "token").write_text("no-token-at-all")
    with pytest.raises(SourceDenied, match="with the token in the file token") as refused:
        access.ends(source)
    assert "no-token-at-all" not in str(refused.value)

    (access.home / "token").write_text(unsecured_token("admin", time.time() - 5))
    for ask in (access.ends, access.consumed):
        with pytest.raises(CredentialMissing, match="expired"):
            ask(source)


def test_a_credential_that_is_not_there_is_no_outage(access: Access) -> None:
    source = access.source("SASL_PLAINTEXT", sasl=access.login("PLAIN", "admin"))
    (access.home / "password").unlink()

    for ask in (access.ends, access.consumed):
        with pytest.raises(CredentialMissing, match="the file password"):
            ask(source)


def unsecured_token(user: str, expires_at: float) -> str:
    """Return a token as Kafka's own unsecured validator takes it: no signature."""

    def part(content: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    now = time.time()
    claims = {"sub": user, "iat": int(min(now, expires_at)) - 10, "exp": int(expires_at)}
    return f"{part({'alg': 'none'})}.{part(claims)}."
