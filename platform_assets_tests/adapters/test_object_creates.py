"""Creating objects where answers are lost, late or no: one's own success is never told as another's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_assets.adapters.file_hashes import sha256_file
from platform_assets.errors import (
    AlreadyExists,
    DependencyUnreachable,
    PartAltered,
    PlatformError,
    RecordConflict,
    StoreDenied,
    StoreUnwritable,
    UnknownOutcome,
)
from platform_assets.flow.steps import perform, settle
from platform_assets.pipeline.parts import put_part
from platform_assets.pipeline.records import write_bytes
from platform_assets.ports.clock import SystemClock
from platform_assets.ports.part_files import PartFile
from platform_assets_tests.object_stores import PREFIX, open_s3_store
from platform_assets_tests.servers.fault_proxy import FaultProxy
from platform_assets_tests.servers.http_faults import (
    LOST_ANSWER,
    LOST_REQUEST,
    USUAL,
    Asked,
    Fate,
    HttpFaults,
    s3_error,
)
from platform_assets_tests.servers.s3 import s3_client

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.adapters.object_store import ObjectStore
    from platform_assets_tests.servers.s3 import S3Server

PATH = "runs/x/closure/0001.seal"
SLOW_DOWN = Fate(effect=False, answer=s3_error(503, "SlowDown"))
CONFLICT = Fate(effect=False, answer=s3_error(409, "ConditionalRequestConflict"))
NOT_THERE = Fate(effect=False, answer=(404, b""))


@pytest.fixture
def store(s3_server: S3Server, s3_bucket: str, faults: HttpFaults, tmp_path: Path) -> ObjectStore:
    return known(open_s3_store(s3_server, s3_bucket, tmp_path, endpoint=faults.endpoint), faults)


def known(store: ObjectStore, faults: HttpFaults | None = None) -> ObjectStore:
    """Let a store see that creates are create-only here, and forget that it did."""
    store.create("runs/known", b"")
    if faults is not None:
        faults.asked.clear()
    return store


def impatient(
    server: S3Server, bucket: str, scratch: Path, endpoint: str, seconds: int = 1
) -> ObjectStore:
    store = open_s3_store(server, bucket, scratch, endpoint=endpoint, timeout_seconds=seconds)
    return known(store)


def part(tmp_path: Path, data: bytes) -> PartFile:
    path = tmp_path / "part.parquet"
    path.write_bytes(data)
    return PartFile(path.name, path, len(data), sha256_file(path), 1)


def test_every_create_is_conditional_and_carries_its_checksum(
    store: ObjectStore, faults: HttpFaults, tmp_path: Path
) -> None:
    store.create(PATH, b"data")
    put_part(store, "runs/x/part", part(tmp_path, b"rows"))
    puts = [asked.headers for asked in faults.asked if asked.method == "PUT"]
    assert len(puts) == 2
    for headers in puts:
        assert headers["if-none-match"] == "*"
        assert headers["x-amz-checksum-sha256"]
        assert len(headers["x-amz-meta-sha256"]) == 64


def test_a_lost_answer_is_an_unknown_outcome_and_reading_back_settles_it(
    store: ObjectStore, faults: HttpFaults, tmp_path: Path
) -> None:
    faults.once(LOST_ANSWER, method="PUT")
    with pytest.raises(UnknownOutcome):
        store.create(PATH, b"mine")
    assert store.read(PATH) == b"mine"
    faults.once(LOST_ANSWER, method="PUT")
    write_bytes(store, "runs/x/record", b"mine")
    faults.once(LOST_ANSWER, method="PUT")
    put_part(store, "runs/x/part", part(tmp_path, b"rows"))
    faults.once(LOST_ANSWER, method="PUT")
    assert perform(settle("runs/x/claim", b"mine"), store, SystemClock()) == b"mine"
    assert faults.count("PUT") == 4


def test_a_lost_answer_over_anothers_object_is_the_others_object(
    store: ObjectStore, faults: HttpFaults, tmp_path: Path
) -> None:
    for path in (PATH, "runs/x/record", "runs/x/part"):
        store.create(path, b"another's")
    faults.always(LOST_ANSWER, method="PUT")
    assert perform(settle(PATH, b"mine"), store, SystemClock()) == b"another's"
    with pytest.raises(RecordConflict):
        write_bytes(store, "runs/x/record", b"mine")
    with pytest.raises(PartAltered):
        put_part(store, "runs/x/part", part(tmp_path, b"rows"))


def test_a_lost_request_is_sent_again_when_nothing_stands_there(
    store: ObjectStore, faults: HttpFaults
) -> None:
    faults.once(LOST_REQUEST, method="PUT")
    store.create(PATH, b"mine")
    assert (store.read(PATH), faults.count("PUT")) == (b"mine", 2)


def test_a_try_that_meets_the_success_of_an_earlier_one_is_never_told_as_anothers(
    store: ObjectStore, faults: HttpFaults, tmp_path: Path
) -> None:
    """The first try takes effect unheard and late: the look finds nothing, the second try finds 412."""

    def late() -> list[Fate]:
        return [LOST_ANSWER, NOT_THERE]

    def meets_itself(path: str) -> None:
        fates = {"PUT": late()[:1], "HEAD": late()[1:]}

        def rule(asked: Asked) -> Fate:
            left = fates.get(asked.method, [])
            return left.pop() if left and asked.path.endswith(path) else USUAL

        faults.rule = rule

    meets_itself(PATH)
    with pytest.raises(UnknownOutcome, match="and then an object"):
        store.create(PATH, b"mine")
    meets_itself("record")
    write_bytes(store, "runs/x/record", b"mine")
    meets_itself("part")
    put_part(store, "runs/x/part", part(tmp_path, b"rows"))
    meets_itself("claim")
    assert perform(settle("runs/x/claim", b"mine"), store, SystemClock()) == b"mine"
    assert faults.count("PUT") == 8


def test_a_412_is_an_answer_and_asked_for_once(store: ObjectStore, faults: HttpFaults) -> None:
    store.create(PATH, b"first")
    with pytest.raises(AlreadyExists):
        store.create(PATH, b"second")
    assert faults.count("PUT") == 2


def test_a_409_is_looked_after_and_tried_again(store: ObjectStore, faults: HttpFaults) -> None:
    faults.once(CONFLICT, method="PUT")
    store.create(PATH, b"mine")
    assert faults.count("PUT") == 2
    faults.once(CONFLICT, method="PUT")
    with pytest.raises(AlreadyExists):
        store.create(PATH, b"mine")
    assert faults.count("PUT") == 3


def test_a_409_that_never_ends_is_an_unknown_outcome(
    s3_server: S3Server, s3_bucket: str, faults: HttpFaults, tmp_path: Path
) -> None:
    store = impatient(s3_server, s3_bucket, tmp_path, faults.endpoint)
    faults.always(CONFLICT, method="PUT")
    with pytest.raises(UnknownOutcome, match="409 ConditionalRequestConflict"):
        store.create(PATH, b"mine")
    assert faults.count("PUT", PATH) > 1


def test_a_store_that_is_overloaded_is_asked_again(store: ObjectStore, faults: HttpFaults) -> None:
    fates = [SLOW_DOWN, SLOW_DOWN]
    faults.rule = lambda asked: fates.pop() if asked.method == "PUT" and fates else USUAL
    store.create(PATH, b"mine")
    assert (store.read(PATH), faults.count("PUT")) == (b"mine", 3)


def test_a_store_that_fails_for_long_is_unknown_to_writers_and_unreachable_to_readers(
    s3_server: S3Server, s3_bucket: str, faults: HttpFaults, tmp_path: Path
) -> None:
    store = impatient(s3_server, s3_bucket, tmp_path, faults.endpoint)
    faults.rule = lambda _: Fate(effect=False, answer=s3_error(500, "InternalError"))
    with pytest.raises(UnknownOutcome, match="500"):
        store.create(PATH, b"mine")
    for ask in (store.read, store.exists, store.list):
        with pytest.raises(DependencyUnreachable, match="500"):
            ask(PATH)
    with pytest.raises((UnknownOutcome, DependencyUnreachable)):
        write_bytes(store, PATH, b"mine")


def test_a_store_that_is_gone_is_never_an_empty_one(
    s3_server: S3Server, s3_bucket: str, s3_credentials: None, tmp_path: Path
) -> None:
    del s3_credentials
    with FaultProxy(int(s3_server.endpoint.rpartition(":")[2])) as proxy:
        endpoint = f"http://127.0.0.1:{proxy.port}"
        store = impatient(s3_server, s3_bucket, tmp_path, endpoint)
        store.create("runs/x/before", b"")
        proxy.cut(refuse=True)
        with pytest.raises(UnknownOutcome):
            store.create(PATH, b"mine")
        for ask in (store.read, store.exists, store.list):
            with pytest.raises(DependencyUnreachable):
                ask("runs/x/before")
        proxy.restore()
        assert perform(settle(PATH, b"mine"), store, SystemClock()) == b"mine"


def test_a_silent_store_is_an_unknown_outcome_and_the_late_write_is_found(
    s3_server: S3Server, s3_bucket: str, s3_credentials: None, tmp_path: Path
) -> None:
    del s3_credentials
    with FaultProxy(int(s3_server.endpoint.rpartition(":")[2])) as proxy:
        store = impatient(s3_server, s3_bucket, tmp_path, f"http://127.0.0.1:{proxy.port}")
        store.create("runs/x/before", b"")
        proxy.stall()
        with pytest.raises(UnknownOutcome):
            store.create(PATH, b"mine")
        proxy.resume()
        write_bytes(store, PATH, b"mine")
        assert store.read(PATH) == b"mine"


@pytest.mark.parametrize(
    ("status", "code", "error", "told"),
    [
        (403, "AccessDenied", StoreDenied, "s3:PutObject"),
        (403, "InvalidAccessKeyId", StoreDenied, "403 InvalidAccessKeyId"),
        (400, "ExpiredToken", StoreDenied, "ExpiredToken"),
        (403, "RequestTimeTooSkewed", StoreDenied, "clock"),
        (403, "QuotaExceeded", StoreUnwritable, "quota"),
        (507, "XMinioStorageFull", StoreUnwritable, "507"),
        (501, "NotImplemented", StoreUnwritable, "conditional writes"),
        (400, "InvalidRequest", StoreUnwritable, "nothing was written"),
        (404, "NoSuchBucket", StoreUnwritable, "a bucket of that name"),
        (301, "PermanentRedirect", StoreUnwritable, "in that region"),
        (400, "AuthorizationHeaderMalformed", StoreUnwritable, "in that region"),
    ],
)
def test_what_a_store_refuses_is_told_with_its_action_and_never_tried_again(
    store: ObjectStore,
    faults: HttpFaults,
    s3_bucket: str,
    status: int,
    code: str,
    error: type[PlatformError],
    told: str,
) -> None:
    faults.always(Fate(effect=False, answer=s3_error(status, code)), method="PUT")
    with pytest.raises(error, match=told) as refused:
        store.create(PATH, b"mine")
    assert s3_bucket in refused.value.thing
    if error is StoreDenied:
        assert f"{PREFIX}/{PATH}" in refused.value.thing
    assert faults.count("PUT") == 1
    assert not store.exists(PATH)


def test_what_a_store_quotes_of_a_signature_is_not_told(
    store: ObjectStore, faults: HttpFaults
) -> None:
    quoted = s3_error(403, "SignatureDoesNotMatch", CanonicalRequest="x-amz-security-token:hidden")
    faults.always(Fate(effect=False, answer=quoted), method="PUT")
    with pytest.raises(StoreDenied) as refused:
        store.create(PATH, b"mine")
    assert "hidden" not in str(refused.value)


def test_a_denied_action_is_told_in_the_stores_words(
    store: ObjectStore, faults: HttpFaults
) -> None:
    said = "User: arn:aws:iam::1:role/r is not authorized to perform: s3:PutObject"
    denied = s3_error(403, "AccessDenied", said)
    faults.always(Fate(effect=False, answer=denied), method="PUT")
    with pytest.raises(StoreDenied, match="role/r is not authorized"):
        store.create(PATH, b"mine")


def test_before_its_first_create_a_process_sees_that_a_second_one_is_turned_down(
    s3_server: S3Server, s3_bucket: str, faults: HttpFaults, tmp_path: Path
) -> None:
    for puts in (2, 1):  # the first process creates the hidden object, the next one finds it
        faults.asked.clear()
        store = open_s3_store(s3_server, s3_bucket, tmp_path, endpoint=faults.endpoint)
        store.create(f"runs/{puts}", b"")
        store.create(f"runs/{puts}/more", b"")
        assert faults.count("PUT", ".create-only-probe") == puts
    assert store.list("") == ["runs/1", "runs/1/more", "runs/2", "runs/2/more"]


@pytest.mark.parametrize("size", [4, 17 * 2**20], ids=["record", "large part"])
def test_a_store_that_ignores_the_condition_is_not_written_to(
    s3_server: S3Server, s3_bucket: str, faults: HttpFaults, tmp_path: Path, size: int
) -> None:
    """A store with two winners would give one run two seals."""
    store = open_s3_store(s3_server, s3_bucket, tmp_path, endpoint=faults.endpoint)
    faults.always(Fate(effect=False, answer=(200, b""), headers={"ETag": '"x"'}), method="PUT")
    with pytest.raises(StoreUnwritable, match="overwrote the first") as refused:
        store.create(PATH, b"mine")
    assert "If-None-Match" in refused.value.remedy
    source = tmp_path / "part"
    source.write_bytes(b"x" * size)
    with pytest.raises(StoreUnwritable, match="overwrote the first"):
        store.create_from(PATH, source)
    assert source.exists()
    assert faults.count("PUT", PATH) == 0
    faults.rule = lambda _: USUAL
    store.create(PATH, b"mine")


def test_a_store_that_does_not_answer_the_first_question_is_an_unknown_outcome(
    s3_server: S3Server, s3_bucket: str, faults: HttpFaults, tmp_path: Path
) -> None:
    store = open_s3_store(
        s3_server, s3_bucket, tmp_path, endpoint=faults.endpoint, timeout_seconds=1
    )
    faults.rule = lambda _: Fate(effect=False, answer=s3_error(503, "SlowDown"))
    with pytest.raises(UnknownOutcome) as unknown:
        store.create(PATH, b"mine")
    assert PATH in unknown.value.thing
    assert faults.count("PUT", PATH) == 0


def test_a_bucket_with_versions_keeps_to_one_object_or_is_refused(
    s3_server: S3Server, s3_bucket: str, s3_credentials: None, tmp_path: Path
) -> None:
    """Ceph 16 honours the condition in plain buckets only."""
    del s3_credentials
    s3_client(s3_server).put_bucket_versioning(
        Bucket=s3_bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    store = open_s3_store(s3_server, s3_bucket, tmp_path)
    with pytest.raises((StoreUnwritable, AlreadyExists)):
        create_twice(store)
    assert not store.exists(PATH) or store.read(PATH) == b"first"


def create_twice(store: ObjectStore) -> None:
    store.create(PATH, b"first")
    store.create(PATH, b"second")
