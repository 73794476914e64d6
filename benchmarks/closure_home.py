"""The homes of the closure benchmark: one file log, one product of as many parts as are asked for."""

from __future__ import annotations

import json
import random
import shutil
import string
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

import platform_assets

if TYPE_CHECKING:
    from collections.abc import Iterator

FEED, PRODUCT = "notes", "notes"
ROWS_PER_PART = 10
#: Text that zstd hardly shortens, so that a file is about as large as what is in it.
_LETTERS = string.ascii_letters + string.digits + " .,;:-_#+*~<>|()[]{}=!$%&/?"
_BYTE_TO_LETTER = bytes(ord(_LETTERS[byte % len(_LETTERS)]) for byte in range(256))
_TEXT_SEED = 20261121
_SEGMENT_RECORDS = 100_000

_CONTRACT = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://notes.example/note.v1.json",
    "title": "note",
    "type": "object",
    "properties": {"id": {"type": "string"}, "text": {"type": "string"}},
    "required": ["id", "text"],
    "additionalProperties": False,
}


def write_home(home: Path, *, records: int, text_bytes: int, part_rows: int) -> None:
    """Make a home whose log holds so many records, each with a text of so many bytes."""
    shutil.copytree(Path(platform_assets.__file__).parent / "orchestration/home", home)
    attributes: dict[str, Any] = {
        "feed": FEED,
        "source": {"kind": "file_log", "path": "data"},
        "streams": {"notes": {"events": {"note": {"contract": "notes/note.v1.json", "id": "id"}}}},
        "window": {"max_records": records, "max_bytes": 2**40},
        "products": {
            PRODUCT: {
                "event": "note",
                "sort": ["id"],
                "part_rows": part_rows,
                "checks": [
                    {"check": "schema"},
                    {"check": "row_count_reconciles"},
                    {"check": "digest"},
                ],
            }
        },
    }
    declared = {"type": "platform_assets.orchestration.FeedComponent", "attributes": attributes}
    for name, text in {
        "platform.yaml": "{}\n",
        f"defs/{FEED}/defs.yaml": yaml.safe_dump(declared),
        "schemas/events/notes/note.v1.json": json.dumps(_CONTRACT),
    }.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    partition = home / "data" / "notes" / "0"
    partition.mkdir(parents=True)
    for first in range(0, records, _SEGMENT_RECORDS):
        last = min(first + _SEGMENT_RECORDS, records)
        with (partition / f"{first:020d}.ndjson").open("wb") as segment:
            segment.writelines(_lines(first, last, text_bytes))


def _lines(first: int, last: int, text_bytes: int) -> Iterator[bytes]:
    chance = random.Random(_TEXT_SEED + first)  # noqa: S311 - filler, no secret
    for number in range(first, last):
        text = chance.randbytes(text_bytes).translate(_BYTE_TO_LETTER)
        yield b'{"id":"n%010d","text":"%b"}\n' % (number, text)
