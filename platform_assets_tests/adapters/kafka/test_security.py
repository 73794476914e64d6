"""What is handed to the client libraries, and what is refused before anything is sent."""

from __future__ import annotations

import base64
import json
import ssl
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from platform_assets.adapters.kafka.security import (
    kafka_python_settings,
    librdkafka_settings,
    principal,
)
from platform_assets.adapters.kafka.tokens import Token, bearer, msk_iam
from platform_assets.declarations import KafkaSource, SecretReference
from platform_assets.errors import CredentialMissing
from platform_assets_tests.servers.certificates import CertificateAuthority

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = SecretReference(file="token")


def source(**fields: Any) -> KafkaSource:
    return KafkaSource.model_validate(
        {"kind": "kafka", "bootstrap": ("one:9092", "two:9092"), **fields}
    )


def jwt(**claims: Any) -> str:
    content = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{content}.c2lnbmVk"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-key-of-aws")


# --- settings --------------------------------------------------------------------------------------


def test_without_security_nothing_but_the_addresses_is_set(tmp_path: Path) -> None:
    assert kafka_python_settings(source(), tmp_path) == {
        "bootstrap_servers": ["one:9092", "two:9092"],
        "client_id": "platform-assets",
        "security_protocol": "PLAINTEXT",
    }
    settings = librdkafka_settings(source(), tmp_path)
    assert settings.pop("logger").name == "platform_assets.kafka"
    assert settings == {
        "bootstrap.servers": "one:9092,two:9092",
        "client.id": "platform-assets",
        "security.protocol": "PLAINTEXT",
    }


@pytest.mark.parametrize(("tls", "protocol"), [(None, "SASL_PLAINTEXT"), ({}, "SASL_SSL")])
def test_a_login_goes_to_both_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: object, protocol: str
) -> None:
    monkeypatch.setenv("KAFKA_USER", "me")
    (tmp_path / "password").write_text("hunter2\n")
    login = {
        "mechanism": "SCRAM-SHA-256",
        "username": {"env": "KAFKA_USER"},
        "password": {"file": "password"},
    }
    declared = source(sasl=login, **({} if tls is None else {"tls": tls}))

    one = kafka_python_settings(declared, tmp_path)
    two = librdkafka_settings(declared, tmp_path)

    assert one["security_protocol"] == two["security.protocol"] == protocol
    assert one["sasl_mechanism"] == two["sasl.mechanism"] == "SCRAM-SHA-256"
    assert (one["sasl_plain_username"], one["sasl_plain_password"]) == ("me", "hunter2")
    assert (two["sasl.username"], two["sasl.password"]) == ("me", "hunter2")
    assert principal(declared) == (
        "SCRAM-SHA-256 as the user in the environment variable KAFKA_USER"
    )


def test_certificates_are_always_verified_with_the_host_name(tmp_path: Path) -> None:
    context = kafka_python_settings(source(tls={}), tmp_path)["ssl_context"]

    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert not {"enable.ssl.certificate.verification", "ssl.endpoint.identification.algorithm"} & {
        *librdkafka_settings(source(tls={}), tmp_path)
    }


def test_tls_files_go_to_both_libraries(tmp_path: Path) -> None:
    issued = CertificateAuthority(tmp_path).issue("me")
    tls = {"ca_file": "ca.pem", "certificate_file": "me.pem", "key_file": "me.key"}
    assert issued.key == tmp_path / "me.key"

    settings = librdkafka_settings(source(tls=tls), tmp_path)

    assert settings["ssl.ca.location"] == str(tmp_path / "ca.pem")
    assert settings["ssl.certificate.location"] == str(tmp_path / "me.pem")
    assert settings["ssl.key.location"] == str(tmp_path / "me.key")
    assert principal(source(tls=tls)) == "the client certificate in me.pem"
    assert len(kafka_python_settings(source(tls=tls), tmp_path)["ssl_context"].get_ca_certs()) == 1


@pytest.mark.parametrize("settings_of", [kafka_python_settings, librdkafka_settings])
@pytest.mark.parametrize(
    ("tls", "match"),
    [
        ({"ca_file": "absent.pem"}, r"absent\.pem.*No such file"),
        ({"ca_file": "empty.pem"}, r"empty\.pem.*NO_CERTIFICATE"),
        ({"certificate_file": "me.pem", "key_file": "empty.pem"}, r"me\.pem and empty\.pem"),
        ({"certificate_file": "me.pem", "key_file": "other.key"}, "KEY_VALUES_MISMATCH"),
        ({"certificate_file": "me.pem", "key_file": "locked.key"}, r"locked\.key"),
    ],
)
def test_tls_files_that_cannot_be_used_are_named(
    tmp_path: Path, settings_of: Any, tls: dict[str, str], match: str
) -> None:
    authority = CertificateAuthority(tmp_path)
    authority.issue("me")
    authority.issue("other")
    (tmp_path / "empty.pem").write_text("")
    lock(tmp_path / "me.key", tmp_path / "locked.key", b"opens")

    with pytest.raises(CredentialMissing, match=match):
        settings_of(source(tls=tls), tmp_path)


def test_a_locked_key_is_opened_by_its_password(tmp_path: Path) -> None:
    CertificateAuthority(tmp_path).issue("me")
    lock(tmp_path / "me.key", tmp_path / "locked.key", b"opens")
    (tmp_path / "key-password").write_text("opens")
    files = {"certificate_file": "me.pem", "key_file": "locked.key"}
    tls = {**files, "key_password": {"file": "key-password"}}

    assert librdkafka_settings(source(tls=tls), tmp_path)["ssl.key.password"] == "opens"
    kafka_python_settings(source(tls=tls), tmp_path)
    (tmp_path / "key-password").write_text("opens-not")
    with pytest.raises(CredentialMissing) as refused:
        kafka_python_settings(source(tls=tls), tmp_path)
    assert "opens" not in str(refused.value)


# --- tokens ----------------------------------------------------------------------------------------


def test_a_token_is_read_at_every_use_by_both_libraries(tmp_path: Path) -> None:
    declared = source(sasl={"mechanism": "OAUTHBEARER", "token": {"file": "token"}})
    (tmp_path / "token").write_text("first\n")
    one = kafka_python_settings(declared, tmp_path)
    two = librdkafka_settings(declared, tmp_path)
    assert one["sasl_mechanism"] == two["sasl.mechanism"] == "OAUTHBEARER"

    for value in ("first", "second"):
        (tmp_path / "token").write_text(f" {value}\n\n")
        assert one["sasl_oauth_token_provider"].token() == value
        assert two["oauth_cb"]("")[0] == value


def test_a_token_says_itself_when_it_expires(tmp_path: Path) -> None:
    later = int(time.time()) + 1234
    (tmp_path / "token").write_text(jwt(exp=later))
    assert bearer(TOKEN, tmp_path)().expires_at == later


@pytest.mark.parametrize("value", ["opaque", "a.b.c", jwt(sub="me"), jwt(exp="soon"), "e30.e30."])
def test_a_token_that_does_not_say_is_read_again_soon(tmp_path: Path, value: str) -> None:
    (tmp_path / "token").write_text(value)
    found = bearer(TOKEN, tmp_path)()
    assert found.value == value
    assert time.time() < found.expires_at <= time.time() + 60


@pytest.mark.parametrize("settings_of", [librdkafka_settings])
def test_an_expired_or_absent_token_is_refused_before_the_library_hides_it(
    tmp_path: Path, settings_of: Any
) -> None:
    declared = source(sasl={"mechanism": "OAUTHBEARER", "token": {"file": "token"}})
    with pytest.raises(CredentialMissing, match="file token"):
        settings_of(declared, tmp_path)
    expired = jwt(exp=int(time.time()) - 100)
    (tmp_path / "token").write_text(expired)
    with pytest.raises(CredentialMissing, match=r"expired 10\d seconds ago") as refused:
        settings_of(declared, tmp_path)
    assert expired not in str(refused.value)


def test_a_token_is_not_printed() -> None:
    assert "hunter2" not in repr(Token("hunter2", 1.0))


def test_amazon_msk_gets_a_signed_url_that_its_service_would_compute_too(aws: None) -> None:
    token = msk_iam("eu-north-1")()
    url = base64.urlsafe_b64decode(token.value + "=" * (-len(token.value) % 4)).decode()
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}

    assert url.startswith("https://kafka.eu-north-1.amazonaws.com/?")
    assert asked["Action"] == "kafka-cluster:Connect"
    assert asked["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert asked["X-Amz-Expires"] == "900"
    assert asked["X-Amz-SignedHeaders"] == "host"
    assert asked["X-Amz-Credential"].startswith("AKIDEXAMPLE/")
    assert asked["X-Amz-Credential"].endswith("/eu-north-1/kafka-cluster/aws4_request")
    assert "a-secret-key-of-aws" not in url
    assert time.time() + 800 < token.expires_at < time.time() + 1000
    assert asked["X-Amz-Signature"] == signature_of(asked)


def signature_of(asked: dict[str, str]) -> str:
    """Compute what the service computes: everything that was asked, but signature and agent."""
    credentials = botocore.credentials.Credentials("AKIDEXAMPLE", "a-secret-key-of-aws")
    _, date, region, service, _ = asked["X-Amz-Credential"].split("/")
    signer = botocore.auth.SigV4QueryAuth(credentials, service, region, expires=900)
    params = {
        name: value
        for name, value in asked.items()
        if name not in ("X-Amz-Signature", "User-Agent")
    }
    request = botocore.awsrequest.AWSRequest(
        method="GET", url=f"https://kafka.{region}.amazonaws.com/", params=params
    )
    request.context["timestamp"] = asked["X-Amz-Date"]
    request.headers["host"] = f"kafka.{region}.amazonaws.com"
    assert asked["X-Amz-Date"].startswith(date)
    canonical = signer.canonical_request(request)
    return str(signer.signature(signer.string_to_sign(request, canonical), request))


def test_amazon_msk_is_an_oauthbearer_for_both_libraries_and_needs_tls(
    tmp_path: Path, aws: None
) -> None:
    sasl = {"mechanism": "AWS_MSK_IAM", "region": "eu-north-1"}
    declared = source(sasl=sasl, tls={})

    one = kafka_python_settings(declared, tmp_path)
    two = librdkafka_settings(declared, tmp_path)

    assert one["sasl_mechanism"] == two["sasl.mechanism"] == "OAUTHBEARER"
    assert one["security_protocol"] == "SASL_SSL"
    assert one["sasl_oauth_token_provider"].token()
    assert two["oauth_cb"]("")[1] > time.time()
    assert principal(declared) == "AWS_MSK_IAM with the AWS credentials of the process"
    with pytest.raises(ValueError, match="tls"):
        source(sasl=sasl)


def test_without_aws_credentials_there_is_no_token(
    aws: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(CredentialMissing, match="AWS credentials"):
        msk_iam("eu-north-1")()


def lock(key: Path, into: Path, password: bytes) -> None:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - used here alone

    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    into.write_bytes(
        loaded.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password),
        )
    )
