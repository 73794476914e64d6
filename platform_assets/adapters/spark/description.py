"""What a Spark job is told, and what it answers: two JSON documents, the only contract between them.

The job runs elsewhere, in another process and perhaps on another machine, so that everything it needs
stands in its description: files as paths or URIs, columns as they stand in manifests. The result names
the parts of the attempts that won. What else lies in the folder was left by attempts that were killed
or overtaken, and belongs to nobody.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from platform_assets.contracts.columns import Column, column_as_json, column_from_json
from platform_assets.installed import version_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_VERSION = 3
#: What decides the bytes of a part, beside its rows.
_WRITERS = ("platform-assets", "polars", "polars-hash", "pyarrow")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDescription:
    """One product to be made by a Spark job.

    ``accepted`` and ``excluded`` are as in `ports.engines.AdmittedRows`, as paths or URIs that every
    executor can read. ``folder`` is where runs and parts are written, ``result`` the answer's file.
    ``properties`` are those of the Spark session that the job itself opens; ``partitions`` is into how
    many ranges the rows are sorted, none for as many as fit the rows and the cores.
    """

    kind: ClassVar[str] = "product"

    name: str
    accepted: tuple[str, ...]
    excluded: tuple[str, ...]
    rows: int
    columns: tuple[Column, ...]
    sort: tuple[str, ...]
    part_rows: int
    folder: str
    result: str
    partitions: int | None = None
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def work(self) -> str:
        """What there is to do, in words."""
        return f"{self.rows} rows to be sorted"

    def as_json(self) -> str:
        """Write the description as the job reads it."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        columns = [column_as_json(column) for column in self.columns]
        return described(self.kind, {**fields, "columns": columns})

    @classmethod
    def from_json(cls, text: str | bytes) -> JobDescription:
        """Read what `as_json` wrote.

        Raises:
            ValueError: it is a description of another version, or of another kind of job.
        """
        document = description_of(cls.kind, text)
        for name in ("accepted", "excluded", "sort"):
            document[name] = tuple(document[name])
        document["columns"] = tuple(column_from_json(each) for each in document["columns"])
        return cls(**document)


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file that an attempt wrote: where it is, bytes, SHA-256 (hex)."""

    file: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class WrittenPart:
    """A part that an attempt wrote: its file, rows, bytes, SHA-256 (hex) and the sums of its digest.

    The profile of its rows is a file of its own, so that nobody has to hold those of all parts.
    """

    file: str
    rows: int
    size: int
    sha256: str
    sums: tuple[int, int, int, int]
    profile: WrittenFile


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """What a Spark job answers: what was made, in order, or the refusal; and how it went.

    ``parts`` are those of a product. ``judged`` are the files that tell of each landed part, one small
    file for each, so that nobody has to hold what is told of all of them. ``refusal`` holds the fields
    of an error of the platform. ``retried`` is how many tasks that wrote something did so in a later
    attempt, ``executors_lost`` how many executors died on the way. ``application`` is Spark's
    id of the application, ``libraries`` are the versions of what wrote the files.
    """

    parts: tuple[WrittenPart, ...] = ()
    judged: tuple[WrittenFile, ...] = ()
    refusal: Mapping[str, Any] | None = None
    spark_version: str
    application: str
    libraries: Mapping[str, str]
    executors: int = 0
    executors_lost: int = 0
    retried: int = 0

    def as_json(self) -> str:
        """Write the result; sums are strings, as integers beyond 2^53 are everywhere."""
        parts = [
            {
                "file": part.file,
                "rows": part.rows,
                "size": part.size,
                "sha256": part.sha256,
                "sums": [str(each) for each in part.sums],
                "profile": asdict(part.profile),
            }
            for part in self.parts
        ]
        document = {name: getattr(self, name) for name in self.__slots__}
        judged = [asdict(file) for file in self.judged]
        written = {"version": _VERSION, **document, "parts": parts, "judged": judged}
        return json.dumps(written, indent=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> JobResult:
        """Read what `as_json` wrote.

        Raises:
            ValueError: it is a result of another version.
        """
        document = _document(text, "result")
        parts, judged = document.pop("parts"), document.pop("judged")
        return cls(
            **document,
            judged=tuple(WrittenFile(**file) for file in judged),
            parts=tuple(_part(part) for part in parts),
        )


def _part(document: Mapping[str, Any]) -> WrittenPart:
    sums = tuple(int(each) for each in document["sums"])
    return WrittenPart(**{**document, "sums": sums, "profile": WrittenFile(**document["profile"])})


def described(kind: str, fields: Mapping[str, Any]) -> str:
    """Write the description of a job of a kind."""
    return json.dumps({"version": _VERSION, "kind": kind, **fields}, indent=1)


def kind_of(text: str | bytes) -> str:
    """Return which kind of job is described."""
    return str(json.loads(text).get("kind"))


def description_of(kind: str, text: str | bytes) -> dict[str, Any]:
    """Return the fields of a description.

    Raises:
        ValueError: it is a description of another version, or of another kind of job.
    """
    document = _document(text, "description")
    found = document.pop("kind", None)
    if found != kind:
        raise ValueError(f"a description of a job of kind {found!r}, not {kind!r}")
    return document


def library_versions() -> dict[str, str]:
    """Return the versions, here, of what decides the bytes of a part."""
    return {name: version_of(name) for name in _WRITERS}


def _document(text: str | bytes, kind: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text)
    version = document.pop("version", None)
    if version != _VERSION:
        raise ValueError(f"a job {kind} of version {version!r}, not {_VERSION}")
    return document
