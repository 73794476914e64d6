"""Wrapping keys in AWS KMS, against moto's server: the key stays there, and IAM says who may what.

moto enforces actions of IAM policies and no conditions on the encryption context, so that roles are
told apart here by `kms:Encrypt` and `kms:Decrypt`; and it says no more of a refusal than its status.
That KMS binds a wrapped key to its context, moto shows.
"""

from __future__ import annotations

import base64
import json
import urllib.request
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError

from platform_assets.adapters.data_key import DataKey
from platform_assets.adapters.kms_keys import KmsWrappingKey
from platform_assets.errors import (
    CredentialMissing,
    KeyDenied,
    KeyInvalid,
    KeyMissing,
    KeyServiceUnreachable,
    PlatformError,
)
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, caught_up, open_product
from platform_assets.pipeline.run import Silence
from platform_assets.ports.keys import Wrapped
from platform_assets_tests.cli.calls import call
from platform_assets_tests.servers.leashed import moto_server
from platform_assets_tests.strict.planted_shop import make_planted, planted
from platform_assets_tests.strict.raw_search import found_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUN = RunId("shop", 1)
REGION = "eu-central-1"
CONTEXT = {"stage": "release", "run_id": "shop-00000001", "product": "orders"}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with moto_server() as address:
        yield address


@pytest.fixture(autouse=True)
def _chain(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Credentials, region and endpoint come by the usual chain."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    _become(monkeypatch, "testing", "testing")
    yield
    _enforce(server, after=10**9)


@pytest.fixture
def key() -> str:
    """Return a new key of the service."""
    return str(boto3.client("kms").create_key(Description="wraps")["KeyMetadata"]["Arn"])


def _become(monkeypatch: pytest.MonkeyPatch, access_key: str, secret: str) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)


def _enforce(server: str, after: int) -> None:
    """Have moto hold requests against IAM policies, after so many that it lets pass."""
    request = urllib.request.Request(  # noqa: S310 - a server that the test started
        f"{server}/moto-api/reset-auth", str(after).encode(), {"Content-Type": "text/plain"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        assert answer.status == 200


def _user(name: str, actions: list[str]) -> tuple[str, str]:
    iam = boto3.client("iam")
    iam.create_user(UserName=name)
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}],
    }
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(document))
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return made["AccessKeyId"], made["SecretAccessKey"]


def _in_kms(home: Path, staging: str, release: str) -> Path:
    settings: dict[str, Any] = yaml.safe_load((home / "platform.yaml").read_text())
    keys = {"wrap_staging": f"aws-kms:{staging}", "wrap_release": f"aws-kms:{release}"}
    (home / "platform.yaml").write_text(yaml.safe_dump({**settings, "keys": keys}))
    return home


def test_a_wrapped_key_opens_under_its_own_context_alone(key: str) -> None:
    wrapping, secret = KmsWrappingKey(key), DataKey.new().secret
    wrapped = wrapping.wrap(secret, CONTEXT)
    assert wrapping.unwrap(wrapped, CONTEXT) == secret
    assert wrapped.wrapping_key == f"aws-kms:{key}"
    for changed in CONTEXT:
        with pytest.raises(KeyInvalid):
            wrapping.unwrap(wrapped, {**CONTEXT, changed: "other"})


def test_a_changed_wrapped_key_and_one_of_another_key_do_not_open(key: str) -> None:
    wrapping = KmsWrappingKey(key)
    wrapped = wrapping.wrap(b"k" * 32, CONTEXT)
    changed = bytearray(wrapped.data)
    changed[-1] ^= 1
    with pytest.raises(KeyInvalid):
        wrapping.unwrap(Wrapped(wrapped.wrapping_key, bytes(changed)), CONTEXT)


def test_a_run_whose_keys_are_in_kms_is_read_back_and_shows_no_row(tmp_path: Path) -> None:
    kms = boto3.client("kms")
    staging, release = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    kms.create_alias(AliasName="alias/readers", TargetKeyId=release)
    home = _in_kms(make_planted(tmp_path / "home", strict=True), staging, "alias/readers")
    assert len(list(caught_up(Platform.open(home), "shop", Silence()))) == 1
    opened = open_product(Platform.open(home), RUN, "orders")
    assert opened.scan().collect().height == 60
    assert release in opened.certificate["release"]["wrapping_key"]
    claim = json.loads(
        (home / "store/runs/shop-00000001/products/orders/0001/claim.json").read_bytes()
    )
    assert staging in claim["key"]["wrapping_key"]
    assert not (home / "keys/release.key").exists()
    assert not (home / "keys/staging.key").exists()
    del opened
    assert found_in(home / "store", planted()) == {}


def test_who_may_not_decrypt_is_told_so_and_gets_no_row(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kms = boto3.client("kms")
    staging, release = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    home = _in_kms(make_planted(tmp_path / "home", strict=True), staging, release)
    assert len(list(caught_up(Platform.open(home), "shop", Silence()))) == 1
    reader = _user("reader", ["kms:Decrypt"])
    writer = _user("writer", ["kms:Encrypt"])
    _enforce(server, after=0)
    _become(monkeypatch, *writer)
    with pytest.raises(KeyDenied) as denied:
        open_product(Platform.open(home), RUN, "orders")
    assert f"aws-kms:{release}, kms:Decrypt for stage release" in denied.value.thing
    assert denied.value.found == "403"
    assert "allow it in the key's policy for this stage: release" in denied.value.remedy
    answer = call("read", "orders", "--run", RUN, "--home", home, "--json")
    assert (answer.code, answer.document["error"]) == (1, "KeyDenied")
    assert writer[1] not in answer.out + answer.err
    _become(monkeypatch, *reader)
    assert open_product(Platform.open(home), RUN, "orders").scan().collect().height == 60
    with pytest.raises(KeyDenied, match="kms:Encrypt"):
        KmsWrappingKey(staging).wrap(b"k" * 32, CONTEXT)


@pytest.mark.parametrize(
    ("code", "told", "found"),
    [
        ("AccessDeniedException", KeyDenied, "AccessDeniedException: User writer may not"),
        ("InvalidSignatureException", KeyDenied, "InvalidSignatureException"),
        ("IncorrectKeyException", KeyInvalid, "IncorrectKeyException"),
        ("DisabledException", KeyMissing, "DisabledException"),
        ("KMSInternalException", KeyServiceUnreachable, "KMSInternalException"),
        ("ThrottlingException", KeyServiceUnreachable, "ThrottlingException"),
    ],
)
def test_what_kms_answers_is_told_in_the_platforms_words(
    code: str, told: type[PlatformError], found: str
) -> None:
    """Answers that moto does not give, as KMS documents them."""
    answer = {
        "Error": {"Code": code, "Message": "User writer may not"},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    error = ClientError(answer, "Decrypt")  # type: ignore[arg-type]
    told_error = KmsWrappingKey("alias/k")._told(error, "Decrypt", CONTEXT)
    assert type(told_error) is told
    assert told_error.found == found


def test_a_key_that_is_not_there_is_named(key: str) -> None:
    absent = key[:-4] + "0000"
    with pytest.raises(KeyMissing, match="NotFoundException"):
        KmsWrappingKey(absent).wrap(b"k" * 32, CONTEXT)


def test_a_service_that_does_not_answer_decides_nothing(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrapped = KmsWrappingKey(key).wrap(b"k" * 32, CONTEXT)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(KeyServiceUnreachable) as unreachable:
        KmsWrappingKey(key).unwrap(wrapped, CONTEXT)
    assert unreachable.value.exit_code == 3


def test_without_credentials_or_region_the_chain_is_named(
    key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(CredentialMissing, match="NoRegionError"):
        KmsWrappingKey(key).wrap(b"k" * 32, CONTEXT)


def test_no_error_of_the_service_repeats_the_key(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = DataKey.new().secret
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(KeyServiceUnreachable) as error:
        KmsWrappingKey(key).wrap(secret, CONTEXT)
    told = repr(error.value)
    assert error.value.__cause__ is None  # the library's error may quote the request
    assert error.value.__suppress_context__
    for form in (secret.hex(), base64.b64encode(secret).decode(), repr(secret)):
        assert form not in told
