"""Large parts: in pieces where a store completes them create-only, whole where it does not.

S3 turns a completion down where an object stands. moto does too, one request at a time, which is enough
to see the pieces; that races have one winner is for a store with atomic writes, in the behaviours.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import boto3
import pytest

from platform_assets.adapters.file_hashes import sha256_file
from platform_assets.adapters.object_uploads import PIECE_BYTES
from platform_assets.errors import AlreadyExists, StoreDenied, UnknownOutcome
from platform_assets.pipeline.parts import put_part
from platform_assets.ports.part_files import PartFile
from platform_assets_tests.object_stores import PREFIX, open_object_store, open_s3_store
from platform_assets_tests.servers.http_faults import (
    LOST_ANSWER,
    USUAL,
    Asked,
    Fate,
    HttpFaults,
    s3_error,
)
from platform_assets_tests.servers.leashed import moto_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from platform_assets.adapters.object_store import ObjectStore
    from platform_assets_tests.servers.s3 import S3Server

PATH = "runs/x/products/p/0001/part-00000.parquet"
SIZE = 2 * PIECE_BYTES + 17
PROBE = ".create-only-probe"


@pytest.fixture(scope="module")
def in_pieces() -> Iterator[str]:
    """The address of a server that honours the condition of a completion."""
    with moto_server() as address:
        yield address


@pytest.fixture
def faults(in_pieces: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpFaults]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "FALSEFORTESTS0000000")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "false-secret-for-tests")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with HttpFaults(in_pieces) as faults:
        yield faults


@pytest.fixture
def client(faults: HttpFaults) -> object:
    return boto3.client("s3", endpoint_url=faults.endpoint, region_name="us-east-1")


@pytest.fixture
def bucket(client: object) -> str:
    name = f"tests-{uuid.uuid4().hex[:16]}"
    client.create_bucket(Bucket=name)  # type: ignore[attr-defined]
    return name


@pytest.fixture
def store(bucket: str, faults: HttpFaults, tmp_path: Path) -> ObjectStore:
    options = {"endpoint": faults.endpoint, "allow_http": True, "timeout_seconds": 60}
    store = open_object_store(f"s3://{bucket}/{PREFIX}", tmp_path / "scratch", **options)
    store.create("runs/known", b"")  # sees that creates are create-only here
    faults.asked.clear()
    return store


@pytest.fixture
def large(tmp_path: Path) -> PartFile:
    path = tmp_path / "part.parquet"
    path.write_bytes(bytes(range(256)) * (SIZE // 256 + 1))
    with path.open("r+b") as file:
        file.truncate(SIZE)
    return PartFile(path.name, path, SIZE, sha256_file(path), 1)


def uploads(client: object, bucket: str) -> list[str]:
    """Return the keys of what was begun and neither completed nor ended."""
    found = client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])  # type: ignore[attr-defined]
    return [upload["Key"] for upload in found]


def completions(faults: HttpFaults) -> int:
    return sum(
        asked.method == "POST" and "uploadId=" in asked.query and PROBE not in asked.path
        for asked in faults.asked
    )


def test_a_large_part_is_sent_in_pieces_each_with_its_checksum(
    store: ObjectStore, faults: HttpFaults, large: PartFile, client: object, bucket: str
) -> None:
    put_part(store, PATH, large)
    pieces = [a for a in faults.asked if "partNumber=" in a.query and PROBE not in a.path]
    assert len(pieces) == 3
    assert all(piece.headers["x-amz-checksum-sha256"] for piece in pieces)
    done = [a for a in faults.asked if a.method == "POST" and "uploadId=" in a.query]
    assert [a.headers["if-none-match"] for a in done] == ["*", "*"], "the probe and the part"
    assert sha256_file(store.local_path(PATH)) == large.sha256
    assert not large.path.exists()
    assert store.list("") == ["runs/known", PATH], "the probe is hidden"
    assert uploads(client, bucket) == []


def test_a_small_part_is_one_request_and_no_store_is_probed_for_it(
    store: ObjectStore, faults: HttpFaults, tmp_path: Path
) -> None:
    path = tmp_path / "small"
    path.write_bytes(b"x" * 1000)
    store.create_from(PATH, path)
    assert [asked.method for asked in faults.asked if PREFIX in asked.path] == ["PUT"]


def test_a_completion_is_turned_down_where_an_object_came_to_stand(
    store: ObjectStore, faults: HttpFaults, large: PartFile, client: object, bucket: str
) -> None:
    """Another creator is faster, between the look before the upload and its completion."""
    other = large.path.with_name("other")
    other.write_bytes(b"another's")

    def rule(asked: Asked) -> Fate:
        if asked.method == "POST" and "uploadId=" in asked.query and PATH in asked.path:
            client.put_object(Bucket=bucket, Key=f"{PREFIX}/{PATH}", Body=b"another's")  # type: ignore[attr-defined]
        return USUAL

    faults.rule = rule
    with pytest.raises(AlreadyExists):
        store.create_from(PATH, large.path)
    assert store.read(PATH) == b"another's"
    assert large.path.exists()
    assert uploads(client, bucket) == []


def test_a_lost_answer_to_a_completion_is_an_unknown_outcome_and_reading_back_settles_it(
    store: ObjectStore, faults: HttpFaults, large: PartFile
) -> None:
    def rule(asked: Asked) -> Fate:
        completes = asked.method == "POST" and "uploadId=" in asked.query and PATH in asked.path
        return LOST_ANSWER if completes else USUAL

    faults.rule = rule
    with pytest.raises(UnknownOutcome):
        store.create_from(PATH, large.path)
    assert completions(faults) == 1, "a completion is never repeated unseen"
    assert large.path.exists(), "the source stays while the outcome is not known"
    put_part(store, PATH, large)
    assert sha256_file(store.local_path(PATH)) == large.sha256


def test_a_completion_that_answers_well_and_then_reports_an_error_is_no_success(
    store: ObjectStore, faults: HttpFaults, large: PartFile
) -> None:
    late_error = s3_error(500, "InternalError")[1]
    fates = [Fate(effect=False, answer=(200, late_error))]

    def rule(asked: Asked) -> Fate:
        completes = asked.method == "POST" and "uploadId=" in asked.query and PATH in asked.path
        return fates.pop() if completes and fates else USUAL

    faults.rule = rule
    put_part(store, PATH, large)
    assert completions(faults) == 2
    assert sha256_file(store.local_path(PATH)) == large.sha256


def test_a_piece_that_fails_is_sent_again_and_a_refused_one_ends_the_upload(
    store: ObjectStore, faults: HttpFaults, large: PartFile, client: object, bucket: str
) -> None:
    faults.once(
        Fate(effect=False, answer=s3_error(503, "SlowDown")),
        method="PUT",
        containing="partNumber=2",
    )
    store.create_from("runs/x/second", _copy(large, "second"))
    denied = Fate(effect=False, answer=s3_error(403, "AccessDenied"))
    faults.always(denied, method="PUT", containing="partNumber=2")
    with pytest.raises(StoreDenied, match="s3:PutObject"):
        store.create_from(PATH, large.path)
    assert not store.exists(PATH)
    assert uploads(client, bucket) == []
    assert large.path.exists()


def test_a_store_that_would_overwrite_at_a_completion_is_sent_large_parts_whole(
    s3_server: S3Server, s3_bucket: str, s3_credentials: None, large: PartFile, tmp_path: Path
) -> None:
    """Ceph 16 ignores the condition at a completion; the probe tells, whichever it is."""
    del s3_credentials
    with HttpFaults(s3_server.endpoint) as faults:
        store = open_s3_store(s3_server, s3_bucket, tmp_path / "scratch", endpoint=faults.endpoint)
        put_part(store, PATH, large)
        assert sha256_file(store.local_path(PATH)) == large.sha256
        ignored = any(
            a.method == "PUT" and a.path.endswith(PATH) and a.headers.get("if-none-match") == "*"
            for a in faults.asked
        )
        assert completions(faults) == (0 if ignored else 1)
        other = tmp_path / "other"
        other.write_bytes(b"another's" * PIECE_BYTES)
        with pytest.raises(AlreadyExists):
            store.create_from(PATH, other)
        assert sha256_file(store.local_path(PATH)) == large.sha256


def test_a_store_that_ignores_the_condition_is_found_out(
    store: ObjectStore, faults: HttpFaults, large: PartFile, client: object, bucket: str
) -> None:
    """As one that ignores it: the probe's completion is answered as a success."""
    done = b"<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>"

    def rule(asked: Asked) -> Fate:
        probes = asked.method == "POST" and "uploadId=" in asked.query and PROBE in asked.path
        return Fate(effect=False, answer=(200, done)) if probes else USUAL

    faults.rule = rule
    put_part(store, PATH, large)
    assert completions(faults) == 0
    whole = [a for a in faults.asked if a.method == "PUT" and a.path.endswith(PATH)]
    assert [a.headers["if-none-match"] for a in whole] == ["*"]
    assert sha256_file(store.local_path(PATH)) == large.sha256
    client.head_object(Bucket=bucket, Key=f"{PREFIX}/{PATH}")  # type: ignore[attr-defined]


def _copy(part: PartFile, name: str) -> Path:
    path = part.path.with_name(name)
    path.write_bytes(part.path.read_bytes())
    return path
