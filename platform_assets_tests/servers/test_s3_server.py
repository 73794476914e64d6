"""The S3 server of the tests: of racing writers of one key, exactly one succeeds."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from platform_assets_tests.servers.s3 import new_bucket, s3_client

if TYPE_CHECKING:
    from platform_assets_tests.servers.s3 import S3Server

ROUNDS = 10
WRITERS = 8


def test_of_racing_writers_one_wins(s3_server: S3Server, s3_bucket: str) -> None:
    for number in range(ROUNDS):
        won: list[int] = []
        lost: list[int] = []
        start = threading.Barrier(WRITERS)

        def write(
            who: int,
            key: str = f"{number}",
            start: threading.Barrier = start,
            won: list[int] = won,
            lost: list[int] = lost,
        ) -> None:
            client = s3_client(s3_server)
            start.wait(30)
            try:
                client.put_object(Bucket=s3_bucket, Key=key, Body=b"%d" % who, IfNoneMatch="*")
            except ClientError as error:
                lost.append(error.response["ResponseMetadata"]["HTTPStatusCode"])
            else:
                won.append(who)

        writers = [threading.Thread(target=write, args=(who,)) for who in range(WRITERS)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join(60)
        assert (len(won), len(lost)) == (1, WRITERS - 1)
        assert set(lost) <= {409, 412}
        found = s3_client(s3_server).get_object(Bucket=s3_bucket, Key=f"{number}")
        assert found["Body"].read() == b"%d" % won[0]


def test_a_bucket_with_object_lock(s3_server: S3Server) -> None:
    bucket = new_bucket(s3_server, object_lock=True)
    found = s3_client(s3_server).get_object_lock_configuration(Bucket=bucket)
    assert found["ObjectLockConfiguration"]["ObjectLockEnabled"] == "Enabled"


def test_a_wrong_key_is_refused(s3_server: S3Server, s3_bucket: str) -> None:
    class Wrong:
        endpoint = s3_server.endpoint
        access_key = s3_server.access_key
        secret_key = "another"  # noqa: S105 - a wrong one
        version = ""

    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        s3_client(Wrong()).get_object(Bucket=s3_bucket, Key="any")
