"""Where the platform and the executors hand files to each other.

On a disk that both see, a file is handed over by its path. Else it is copied through a folder in S3:
up before the job, down after it, and what stands in that folder is removed in the end. Either way the
bytes that the job reads are those that were verified here.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from platform_assets.adapters.aws import aws_session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_assets.declarations.spark import EmrServerlessSettings


class Exchange(Protocol):
    """A folder of one job."""

    @property
    def folder(self) -> str:
        """The folder as the job sees it."""

    def give(self, paths: Sequence[Path]) -> list[str]:
        """Make files readable to the job, and return how it sees them."""

    def put(self, name: str, content: bytes) -> str:
        """Write a small file into the folder, and return how the job sees it."""

    def take(self, uri: str, into: Path) -> bool:
        """Bring a file of the job to a path; tell whether it is there."""

    def clear(self) -> None:
        """Remove everything in the folder."""


class SharedFolder:
    """A folder on a disk that this process and all executors share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def folder(self) -> str:
        """The folder itself."""
        return str(self._folder)

    def give(self, paths: Sequence[Path]) -> list[str]:
        """Return the paths as they are."""
        return [str(path.absolute()) for path in paths]

    def put(self, name: str, content: bytes) -> str:
        """Write a file."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / name).write_bytes(content)
        return str(self._folder / name)

    def take(self, uri: str, into: Path) -> bool:
        """Move a file."""
        if not Path(uri).exists():
            return False
        shutil.move(uri, into)
        return True

    def clear(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)


class StagingBucket:
    """A folder in S3 below the declared one."""

    def __init__(self, settings: EmrServerlessSettings, name: str) -> None:
        session = aws_session(region=settings.region)
        self._client = session.client("s3", endpoint_url=settings.endpoint)
        place = urlsplit(f"{settings.staging}/{name}")
        self._bucket, self._prefix = place.netloc, place.path.lstrip("/")

    @property
    def folder(self) -> str:
        """The folder's URI."""
        return f"s3://{self._bucket}/{self._prefix}"

    def give(self, paths: Sequence[Path]) -> list[str]:
        """Copy the files into the folder, numbered, because two can have one name."""
        given = []
        for number, path in enumerate(paths):
            key = f"{self._prefix}/given/{number:06d}-{path.name}"
            self._client.upload_file(str(path), self._bucket, key)
            given.append(f"s3://{self._bucket}/{key}")
        return given

    def put(self, name: str, content: bytes) -> str:
        """Write an object."""
        self._client.put_object(Bucket=self._bucket, Key=f"{self._prefix}/{name}", Body=content)
        return f"{self.folder}/{name}"

    def take(self, uri: str, into: Path) -> bool:
        """Download an object."""
        key = urlsplit(uri).path.lstrip("/")
        listed = self._client.list_objects_v2(Bucket=self._bucket, Prefix=key)
        if key not in {each["Key"] for each in listed.get("Contents", [])}:
            return False
        self._client.download_file(self._bucket, key, str(into))
        return True

    def clear(self) -> None:
        """Delete every object of the folder."""
        pages = self._client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._bucket, Prefix=f"{self._prefix}/"):
            keys = [{"Key": each["Key"]} for each in page.get("Contents", [])]
            if keys:
                self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": keys})
