"""Secrets in records: known values, and the well-known forms of keys and tokens.

What is found is named by kind and place, never repeated. A signed record is searched in its envelope
and in its decoded payload.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from platform_assets.flow.envelope import unverified_payload

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHORTEST_SECRET = 4  # a shorter value occurs anywhere by chance
_SHORTEST_IN_BASE64 = 12
_FORMS = {
    "a private key": rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "an AWS access key": rb"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])",
    "an AWS secret key": rb"(?i)aws_?secret_?(?:access_?)?key.{0,4}[:=].{0,4}[A-Za-z0-9/+]{40}",
    "a GitHub token": rb"(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60})",
    "a GitLab token": rb"glpat-[A-Za-z0-9_-]{20}",
    "a Google API key": rb"AIza[A-Za-z0-9_-]{35}",
    "a Slack token": rb"xox[abprs]-[A-Za-z0-9-]{10,}",
    "a Stripe key": rb"[rs]k_live_[A-Za-z0-9]{20,}",
    "a JSON web token": rb"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    "a password in a URL": rb"[a-z][a-z0-9+.-]*://[^\s/:@\"]+:[^\s/:@\"]+@[A-Za-z0-9.-]",
}
_PATTERNS = {kind: re.compile(form) for kind, form in _FORMS.items()}


def secrets_in(data: bytes, known: Iterable[str] = ()) -> list[str]:
    """Return the kinds of secrets that occur in the bytes; none if they hold none."""
    texts = [data, *_payload(data)]
    found = {kind for kind, form in _PATTERNS.items() for text in texts if form.search(text)}
    spelled = {form for value in known for form in _spellings(value)}
    if any(form in text for form in spelled for text in texts):
        found.add("a known secret value")
    return sorted(found)


def _spellings(value: str) -> Iterable[bytes]:
    if len(value) >= _SHORTEST_SECRET:
        raw = value.encode()
        yield raw
        yield json.dumps(value)[1:-1].encode()
        yield json.dumps(value, ensure_ascii=False)[1:-1].encode()
        yield quote(value, safe="").encode()
    if len(value) >= _SHORTEST_IN_BASE64:
        for before, spoilt in enumerate((0, 2, 3)):  # base64 of a longer text that holds the value
            yield base64.b64encode(b"\0" * before + value.encode())[spoilt:-4]


def _payload(data: bytes) -> Iterable[bytes]:
    try:
        payload = unverified_payload(json.loads(data))
    except (ValueError, RecursionError):
        return []
    return [payload] if payload is not None else []
