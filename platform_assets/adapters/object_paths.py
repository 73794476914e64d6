"""Which paths may name an object, the same for every store.

A path is relative, with forward slashes. Each segment begins with a letter, a digit or an underscore
and holds only characters that every file system and object store keeps as they are. So no path is
absolute, climbs, is hidden, or means something else on another store.
"""

from __future__ import annotations

import re

from platform_assets.errors import InvalidName

_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.=+@-]{0,199}")
_LONGEST_PATH = 900  # object stores end at 1,024 bytes, and a prefix stands before ours


def check_object_path(path: str) -> tuple[str, ...]:
    """Return the segments of a path that may name an object.

    Raises:
        InvalidName: the path is empty, absolute, climbs, or holds a character out of place.
    """
    segments = tuple(path.split("/")) if isinstance(path, str) else ()
    if not segments or len(path) > _LONGEST_PATH or not all(map(_SEGMENT.fullmatch, segments)):
        raise InvalidName(
            f"object path {path!r}",
            expected="segments of A-Z a-z 0-9 _ . = + @ - joined by /, none hidden, empty or climbing",
            found=repr(path),
            remedy="Build paths from declared names; do not pass paths from outside into the store.",
        )
    return segments


def check_prefix(prefix: str) -> tuple[str, ...]:
    """Return the segments of a folder to list; none for the whole store.

    Raises:
        InvalidName: the prefix could not be the folder of an object.
    """
    return check_object_path(prefix.removesuffix("/")) if prefix else ()
