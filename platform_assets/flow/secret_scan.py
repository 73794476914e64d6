"""Secrets in bytes: known values however they are spelled, and the well-known forms of keys and tokens.

The forms are those of detect-secrets, of which only the precise detectors are used: those that measure
entropy would take every digest for a secret. Some forms it lacks, or reads badly in canonical JSON,
which is one line; they stand here. The detector is named with its version wherever it was used, because
another version may know other forms.

What is found is named by kind, never repeated. A signed file is searched as it is and in its payload.
"""

from __future__ import annotations

import base64
import functools
import html
import json
import re
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from platform_assets.flow.envelope import unverified_payload
from platform_assets.installed import version_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

#: What stands in a text in place of a secret.
WITHHELD = "[withheld]"

_SHORTEST_SECRET = 4  # a shorter value occurs anywhere by chance
_SHORTEST_IN_BASE64 = 12
_SHORTEST_LINE = 24  # of a secret of several lines, such as a private key

#: The detectors that take no digest, name or address for a secret, and what each of them finds.
_DETECTORS = {
    "aws.AWSKeyDetector": "an AWS access key",
    "azure_storage_key.AzureStorageKeyDetector": "an Azure storage key",
    "github_token.GitHubTokenDetector": "a GitHub token",
    "gitlab_token.GitLabTokenDetector": "a GitLab token",
    "jwt.JwtTokenDetector": "a JSON web token",
    "npm.NpmDetector": "an npm token",
    "openai.OpenAIDetector": "an OpenAI key",
    "private_key.PrivateKeyDetector": "a private key",
    "pypi_token.PypiTokenDetector": "a PyPI token",
    "sendgrid.SendGridDetector": "a SendGrid key",
    "slack.SlackDetector": "a Slack token",
    "square_oauth.SquareOAuthDetector": "a Square secret",
    "stripe.StripeDetector": "a Stripe key",
    "twilio.TwilioKeyDetector": "a Twilio key",
}
#: Raised whenever the forms below or the detectors above change.
_OWN_FORMS_VERSION = 1
_OWN_FORMS = {
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "an AWS secret key": r"(?i)aws_?secret_?(?:access_?)?key.{0,4}[:=].{0,4}[A-Za-z0-9/+]{40}",
    "a GitHub token": r"github_pat_[A-Za-z0-9_]{60}",
    "a Google API key": r"AIza[A-Za-z0-9_-]{35}",
    "a Slack token": r"xox[abprs]-[A-Za-z0-9-]{10,}",
    "a Stripe key": r"[rs]k_live_[A-Za-z0-9]{20,}",
    "a JSON web token": r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    # that of detect-secrets reads over quotes, and takes two fields of one line of JSON for one URL
    "a password in a URL": r"://[^\s/?#:@\"'<>]*:[^\s/?#:@\"'<>]+@[A-Za-z0-9.\[-]",
}
_PATTERNS = {kind: re.compile(form) for kind, form in _OWN_FORMS.items()}


def detector() -> str:
    """Return what forms are searched by: the detector with its version."""
    return f"detect-secrets {version_of('detect-secrets')}, own forms {_OWN_FORMS_VERSION}"


def secrets_in(data: bytes, known: Iterable[str] = ()) -> list[str]:
    """Return the kinds of secrets that occur in the bytes; none if they hold none."""
    return sorted({*forms_in(data), *known_in(data, known)})


def forms_in(data: bytes) -> set[str]:
    """Return the kinds of keys and tokens whose forms occur in the bytes."""
    signed, *payloads = _parts(data)
    for payload in payloads:
        # What stands in the encoded payload stands in the payload itself; and a form that is tried at
        # each letter of one word of megabytes takes minutes.
        signed = signed.replace(base64.b64encode(payload), b"")
    texts = [part.decode("utf-8", "replace") for part in (signed, *payloads)]
    found = {kind for kind, form in _PATTERNS.items() if any(map(form.search, texts))}
    for kind, finds in _detectors():
        if kind not in found and any(any(True for _ in finds(text)) for text in texts):
            found.add(kind)
    return found


def known_in(data: bytes, known: Iterable[str]) -> set[str]:
    """Return that a known value occurs in the bytes, in whatever spelling, or nothing."""
    return spelled_in(data, every_spelling(known))


def spelled_in(data: bytes, spelled: Iterable[bytes]) -> set[str]:
    """Return that one of the spellings of known values occurs in the bytes, or nothing."""
    texts = _parts(data)
    return {"a known secret value"} if any(s in text for s in spelled for text in texts) else set()


def every_spelling(known: Iterable[str]) -> list[bytes]:
    """Return the spellings of all known values."""
    return [form for value in known for form in spellings(value)]


def without_known(text: str, known: Iterable[str]) -> str:
    """Return a text in which known values are replaced in whatever spelling."""
    return without_forms(text, known_forms(known))


def known_forms(known: Iterable[str]) -> list[str]:
    """Return every spelling of known values, the longest first."""
    texts = [form.decode("utf-8", "surrogateescape") for form in set(every_spelling(known))]
    return sorted(texts, key=lambda text: (-len(text), text))


def without_forms(text: str, forms: Iterable[str]) -> str:
    """Return a text in which each of the spellings is replaced, in their order."""
    for form in forms:
        text = text.replace(form, WITHHELD)
    return text


def spellings(value: str) -> list[bytes]:
    """Return the spellings under which a value may stand in records, pages, logs and URLs.

    A value of several lines counts by each of its longer lines as well; of a private key in PEM the
    last line does not, because it may be a part of the public key.
    """
    found: dict[bytes, None] = {}
    for text in (value, value.strip(), *_long_lines(value)):
        found |= dict.fromkeys(_spelled(text))
    return list(found)


def _spelled(value: str) -> Iterator[bytes]:
    raw = value.encode("utf-8", "surrogateescape")
    if len(value) >= _SHORTEST_SECRET:
        yield raw
        yield json.dumps(value)[1:-1].encode()
        yield json.dumps(value, ensure_ascii=False)[1:-1].encode("utf-8", "surrogateescape")
        yield repr(value)[1:-1].encode("utf-8", "surrogateescape")
        yield html.escape(value).encode("utf-8", "surrogateescape")
        for escaped in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
            yield escaped.encode()
            yield re.sub(r"%[0-9A-F]{2}", lambda hex_: hex_[0].lower(), escaped).encode()
    if len(value) >= _SHORTEST_IN_BASE64:
        for before, spoilt in enumerate((0, 2, 3)):  # base64 of a longer text that holds the value
            standard = base64.b64encode(b"\0" * before + raw)[spoilt:-4]
            yield standard
            yield standard.replace(b"+", b"-").replace(b"/", b"_")


def _long_lines(value: str) -> list[str]:
    lines = [line.strip() for line in value.splitlines() if line.strip()]
    body = [line for line in lines if not line.startswith("-----")]
    if 1 < len(body) < len(lines):
        body = body[:-1]
    return [line for line in body if len(line) >= _SHORTEST_LINE] if len(lines) > 1 else []


def _parts(data: bytes) -> list[bytes]:
    """Return the bytes and, where they are a signed file, its payload."""
    try:
        payload = unverified_payload(json.loads(data))
    except (ValueError, RecursionError):
        payload = None
    return [data] if payload is None else [data, payload]


@functools.cache
def _detectors() -> tuple[tuple[str, Callable[[str], Iterable[str]]], ...]:
    # imported at the first search: it takes a quarter of a second, and few commands search
    found = []
    for name, kind in _DETECTORS.items():
        module, _, plugin = name.partition(".")
        detects = getattr(import_module(f"detect_secrets.plugins.{module}"), plugin)()
        found.append((kind, detects.analyze_string))
    return tuple(found)
