"""SHA-256 of files."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from platform_assets.adapters.budget import usable_cores

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_files(paths: Sequence[Path]) -> list[str]:
    """Return the SHA-256 of each file, on as many threads as there are cores."""
    with ThreadPoolExecutor(max_workers=usable_cores()) as threads:
        return list(threads.map(sha256_file, paths))
