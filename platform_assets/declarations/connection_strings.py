"""PostgreSQL's connection strings: which part of one is a password.

A connection string is a secret as a whole, and its password is one by itself: a server's answer or a
log may hold it without the rest. Both forms are read, URLs and ``password=...``, as libpq reads them.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

_IN_URL = re.compile(r"postgres(?:ql)?://[^:@/?#]*:([^@]*)@|[?&]password=([^&#]*)")
_IN_PAIRS = re.compile(r"\bpassword\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)+))", re.DOTALL)


def passwords_in(dsn: str) -> frozenset[str]:
    """Return the passwords that a connection string holds, as they are sent; none where it has none."""
    if "://" in dsn:
        found = [unquote(one or other) for one, other in _IN_URL.findall(dsn)]
    else:
        found = [re.sub(r"\\(.)", r"\1", one or other) for one, other in _IN_PAIRS.findall(dsn)]
    return frozenset(found) - {""}
