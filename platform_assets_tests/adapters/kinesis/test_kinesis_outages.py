"""A Kinesis source on a bad day: the same records, or an error; never an empty stream."""

from __future__ import annotations

import json
import socket
import urllib.request
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ProfileNotFound,
)

from platform_assets.adapters.kinesis import pages
from platform_assets.adapters.kinesis.errors import Answer, answer_of, told
from platform_assets.errors import (
    CredentialMissing,
    SourceChanged,
    SourceDenied,
    SourceUnreachable,
)
from platform_assets_tests.adapters.kinesis.feed_log import (
    SHARD,
    FeedLog,
    forget,
    log_behind_faults,
    numbers,
    put,
    rows_of,
    stream_at,
)
from platform_assets_tests.servers.kinesis import SECRET_KEY, _moto, kinesalite_server
from platform_assets_tests.servers.kinesis_faults import FAULTS, fault_proxy

if TYPE_CHECKING:
    from platform_assets_tests.servers.kinesis import KinesisServer

pytestmark = pytest.mark.usefixtures("kinesis_credentials")
OPERATIONS = ("ListShards", "DescribeStreamSummary", "GetShardIterator", "GetRecords")
PASSING = sorted(set(FAULTS["GetRecords"]) - {"stall_before"})
ONCE = ("throttle", "error_before", "reset_before", "cut")


@pytest.mark.parametrize("fault", PASSING)
def test_i02_a_fault_that_passes_changes_nothing(
    kinesalite: KinesisServer, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(pages, "PAGE_RECORDS", 10)
    with log_behind_faults(kinesalite, {fault: 0.2}, seed=3) as (log, proxy):
        log.write(0, 40)
        while log.window(most=25):
            forget()

        assert log.values() == numbers(0, 40)
        assert proxy.injected[fault] > 0


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("fault", ONCE)
def test_i02_a_fault_of_any_request_changes_nothing(
    kinesalite: KinesisServer, operation: str, fault: str
) -> None:
    with log_behind_faults(kinesalite) as (log, proxy):
        log.write(0, 5)
        proxy.order(operation, fault, fault)

        assert log.window() == 5
        assert log.values() == numbers(0, 5)
        assert proxy.injected[fault] == 2


def test_i02_faults_of_all_kinds_at_once_change_nothing(
    kinesalite: KinesisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE_RECORDS", 7)
    stream = kinesalite.new_stream(3)
    client = kinesalite.client()
    sent: dict[str, list[bytes]] = {}
    for value in numbers(0, 45):
        answer = client.put_record(StreamName=stream, Data=value, PartitionKey=value.decode())
        sent.setdefault(answer["ShardId"], []).append(value)
    for seed in range(2):
        with fault_proxy(
            kinesalite.endpoint, dict.fromkeys(PASSING, 0.06), seed=seed, stall_seconds=1
        ) as proxy:
            log = FeedLog(stream_at(proxy.endpoint, stream))
            while log.window(most=12):
                if seed % 2:
                    forget()

            assert {shard: log.values(shard) for shard in sent} == sent
            assert sum(proxy.injected.values()) > 5


@pytest.mark.parametrize("fault", ["stall_before", "reset_before", "throttle", "error_before"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_i02_an_outage_is_an_error_within_the_declared_bound(
    kinesalite: KinesisServer, operation: str, fault: str
) -> None:
    with log_behind_faults(kinesalite, timeout=1) as (log, proxy):
        log.write(0, 5)
        proxy.order(operation, *[fault] * 50)
        with pytest.raises(SourceUnreachable, match=f"asked for {operation}, .* in 1 s") as refused:
            log.look()
        assert not isinstance(refused.value, SourceDenied)
        proxy.stop_faults()
        assert log.window() == 5


def test_i02_a_list_of_shards_that_expires_is_begun_anew_and_not_for_ever(
    kinesalite: KinesisServer,
) -> None:
    with log_behind_faults(kinesalite) as (log, proxy):
        log.write(0, 5)
        proxy.order("ListShards", "expired", "expired")
        assert log.look()[0].end == 5
        proxy.order("ListShards", "expired", "expired", "expired")
        with pytest.raises(SourceUnreachable, match="3 lists whose pages expired"):
            log.look()


@pytest.mark.parametrize("fault", ["empty_page", "garbled", "expired"])
def test_i02_answers_that_lead_nowhere_are_an_outage(kinesalite: KinesisServer, fault: str) -> None:
    with log_behind_faults(kinesalite, timeout=1) as (log, proxy):
        log.write(0, 5)
        (span,) = log.pin()
        proxy.order("GetRecords", *[fault] * 5000)
        for act in (log.look, lambda: rows_of(log.source, span)):
            forget()
            with pytest.raises(SourceUnreachable):
                act()


def test_i02_a_server_that_is_gone_or_has_no_name_is_an_outage() -> None:
    with kinesalite_server() as server:
        stream = server.new_stream(1)
        put(server.client(), stream, numbers(0, 5))
        log = FeedLog(stream_at(server.endpoint, stream, timeout=1))
        (span,) = log.pin()
    nameless = FeedLog(stream_at("http://kinesis.invalid:4567", stream, timeout=1))

    for act in (log.look, log.source.identities, lambda: rows_of(log.source, span), nameless.look):
        with pytest.raises(SourceUnreachable, match="EndpointConnectionError"):
            act()


def test_i02_a_server_that_accepts_and_says_nothing_is_an_outage() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        log = FeedLog(stream_at(f"http://127.0.0.1:{port}", "stream", timeout=1))
        with pytest.raises(SourceUnreachable, match="ReadTimeoutError"):
            log.look()


def test_a_stream_that_is_being_created_is_waited_for(kinesalite: KinesisServer) -> None:
    client = kinesalite.client()
    stream = kinesalite.new_stream(1)
    client.delete_stream(StreamName=stream)
    with pytest.raises(SourceChanged):
        FeedLog(stream_at(kinesalite.endpoint, stream)).look()


# --- who may read --------------------------------------------------------------------------------


def test_authorisation_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with _moto() as server:
        stream = server.new_stream(1)
        put(server.client(), stream, numbers(0, 5))
        user = _user(server, ["kinesis:DescribeStreamSummary", "kinesis:ListShards"])
        log = FeedLog(stream_at(server.endpoint, stream, timeout=5))
        _enforce(server)

        _be(monkeypatch, *user)
        with pytest.raises(SourceDenied, match="kinesis:GetShardIterator") as refused:
            log.look()
        assert "times in" not in refused.value.found  # asked once: no repetition helps
        assert log.source.identities().keys() == {SHARD}


def test_authentication_is_refused_and_no_secret_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with _moto() as server:
        stream = server.new_stream(1)
        key, secret = _user(server, ["kinesis:*"])
        _enforce(server)

        for wrong in ((key, "wrong-secret-for-tests"), ("AKIANOBODY0000000000", secret)):
            _be(monkeypatch, *wrong)
            with pytest.raises(SourceDenied) as refused:
                FeedLog(stream_at(server.endpoint, stream, timeout=5)).look()
            assert wrong[1] not in str(refused.value)


def test_missing_credentials_and_profiles_are_named(
    kinesalite: KinesisServer, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, f"{tmp_path}/none")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    log = FeedLog(stream_at(kinesalite.endpoint, "stream", timeout=2))
    with pytest.raises(SourceDenied, match="NoCredentialsError"):
        log.look()

    source = log.source._client.source.model_copy(update={"profile": "absent"})
    log.source._client.source = source
    log.source.close()
    with pytest.raises(CredentialMissing, match="absent"):
        log.look()


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        *(
            (code, Answer.QUOTA)
            for code in (
                "ProvisionedThroughputExceededException",
                "LimitExceededException",
                "KMSThrottlingException",
            )
        ),
        ("ExpiredIteratorException", Answer.ITERATOR),
        ("ExpiredNextTokenException", Answer.TOKEN),
        *(
            (code, Answer.DENIED)
            for code in (
                "AccessDeniedException",
                "ExpiredTokenException",
                "InvalidSignatureException",
                "KMSAccessDeniedException",
                "UnrecognizedClientException",
            )
        ),
        ("ResourceNotFoundException", Answer.GONE),
        ("InvalidArgumentException", Answer.INVALID),
        ("InternalFailureException", Answer.PASSING),
        ("SomethingNew", Answer.PASSING),
    ],
)
def test_each_error_of_the_service_has_its_answer(error: str, answer: Answer) -> None:
    assert answer_of(client_error(error)) is answer


def test_errors_without_a_known_name_go_by_their_status() -> None:
    assert answer_of(client_error("New", status=403)) is Answer.DENIED
    assert answer_of(client_error("New", status=429)) is Answer.QUOTA
    assert answer_of(client_error("New", status=503)) is Answer.PASSING


def test_errors_of_the_library_have_their_answer() -> None:
    assert answer_of(EndpointConnectionError(endpoint_url="x")) is Answer.PASSING
    assert answer_of(NoCredentialsError()) is Answer.DENIED
    assert answer_of(ProfileNotFound(profile="x")) is Answer.DENIED
    assert answer_of(ParamValidationError(report="x")) is Answer.INVALID


def test_the_principal_and_the_resource_of_a_refusal_are_told() -> None:
    text = (
        "User: arn:aws:iam::123456789012:user/reader is not authorized to perform: "
        "kinesis:GetRecords on resource: arn:aws:kinesis:us-east-1:123456789012:stream/payments"
    )
    error = told(client_error("AccessDeniedException", text), "stream", "GetRecords")

    assert isinstance(error, SourceDenied)
    assert text in error.found


def test_what_the_service_quotes_of_a_request_is_not_told() -> None:
    """A service that computes another signature answers with all that was signed, tokens included."""
    text = f"The Canonical String should have been 'x-amz-security-token:{SECRET_KEY}'"
    for code in ("InvalidSignatureException", "SignatureDoesNotMatch", "SomethingNew"):
        error = told(client_error(code, text), "stream", "GetRecords")
        assert SECRET_KEY not in str(error)
        assert code in str(error)


def client_error(code: str, text: str = "", status: int = 400) -> ClientError:
    answer = {
        "Error": {"Code": code, "Message": text},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, "GetRecords")  # type: ignore[arg-type]


def _user(server: KinesisServer, actions: list[str]) -> tuple[str, str]:
    iam = server.client("iam")
    iam.create_user(UserName="reader")
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="reader", PolicyName="reads", PolicyDocument=policy)
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def _enforce(server: KinesisServer) -> None:
    """Let moto check who asks from the next request on."""
    request = urllib.request.Request(  # noqa: S310 - the test's own server
        f"{server.endpoint}/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"}
    )
    with urllib.request.urlopen(request, timeout=10) as done:  # noqa: S310 - as above
        done.read()


def _be(monkeypatch: pytest.MonkeyPatch, key: str, secret: str) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
