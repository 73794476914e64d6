"""Whether a disk that takes no more is behind an error, whoever wrote to it.

Python's own errors say so by number. Engines say it in words of their own, which quote the system's.
"""

from __future__ import annotations

import errno
import re

_NUMBERS = {
    errno.ENOSPC: "no space left on the disk",
    errno.EDQUOT: "the disk quota is exceeded",
    errno.EROFS: "the file system is read-only",
}
_QUOTED = re.compile(r"\((?:os )?error (\d+)\)|\[errno (\d+)\]", re.IGNORECASE)


class DiskFull(Exception):
    """A disk takes no more, in words of `disk_problem`; whoever gave the folder explains."""


def disk_problem(error: BaseException) -> str:
    """Return what is wrong with the disk behind an error, nothing where something else is wrong."""
    if isinstance(error, OSError) and error.errno in _NUMBERS:
        return _NUMBERS[error.errno]
    if isinstance(error, DiskFull):
        return str(error)
    for match in _QUOTED.finditer(str(error)):
        problem = _NUMBERS.get(int(match[1] or match[2]), "")
        if problem:
            return problem
    return ""
