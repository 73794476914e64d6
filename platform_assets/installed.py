"""Versions of what is installed, looked up once in a process: reading metadata takes a millisecond."""

from __future__ import annotations

import functools
from importlib import metadata


@functools.cache
def version_of(distribution: str) -> str:
    """Return the version of an installed distribution.

    Raises:
        importlib.metadata.PackageNotFoundError: it is not installed.
    """
    return metadata.version(distribution)
