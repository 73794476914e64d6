"""I14: which forms of keys and tokens are found, in what, and what is taken for none."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from platform_assets.canonical import canonical_bytes
from platform_assets.flow.secret_scan import detector, forms_in, known_in, secrets_in, spellings

LETTERS = "abcdefghij0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" * 3
#: Put together here, so that no scanner of this repository takes them for what they look like.
TOKENS = {
    "a private key": "-----BEGIN " + "ENCRYPTED PRIVATE KEY-----",
    "an AWS access key": "ASIA" + "ABCDEFGHIJ234567",
    "an AWS secret key": "aws_secret_access_key=" + LETTERS[:40],
    "an Azure storage key": "AccountKey=" + LETTERS[:86] + "==",
    "a GitHub token": "ghp_" + LETTERS[:36],
    "a GitLab token": "glpat-" + LETTERS[:20],
    "a Google API key": "AIza" + LETTERS[:35],
    "an npm token": "//registry.example.org/:_authToken=npm_" + LETTERS[:36],
    "an OpenAI key": "sk-" + LETTERS[:20] + "T3BlbkFJ" + LETTERS[:20],
    "a PyPI token": "pypi-AgEIcHlwaS5vcmc" + LETTERS[:72],
    "a SendGrid key": "SG." + LETTERS[:22] + "." + LETTERS[:43],
    "a Slack token": "xoxb-" + "123456789012-" + LETTERS[:10].lower(),
    "a Square secret": "sq0csp-" + LETTERS[:43],
    "a Stripe key": "sk_live_" + LETTERS[:24],
    "a Twilio key": "AC" + "0123456789abcdef" * 2,
    "a JSON web token": ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in (
            {"alg": "HS256", "typ": "JWT"},
            {"sub": "1", "name": "someone"},
            "signature-of-it",
        )
    ),
    "a password in a URL": "kafka://reader:" + "pa55word@broker.example.org:9092",
}


@pytest.mark.parametrize("kind", TOKENS)
def test_i14_each_form_is_found_in_text_in_records_and_in_signed_files(kind: str) -> None:
    token = TOKENS[kind]
    payload = canonical_bytes({"note": token})
    signed = {"dsseEnvelope": {"payload": base64.b64encode(payload).decode()}}
    for data in (token.encode(), payload, canonical_bytes(signed), f"<td>{token}</td>".encode()):
        assert kind in forms_in(data), data
    assert kind not in forms_in(token[: len(token) // 3].encode())


def test_i14_a_url_with_a_password_and_no_user_is_found() -> None:
    assert forms_in(b"redis://:" + b"pa55@cache:6379") == {"a password in a URL"}


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/a:b@c",
        '{"a":"kafka://broker:9092","b":"someone@example.org"}',
        "https://example.org:8443/x, write to ops@example.org",
        "https://user@example.org",
        " ".join(hashlib.sha256(str(n).encode()).hexdigest() for n in range(2000)),
        " ".join(hashlib.md5(str(n).encode()).hexdigest() for n in range(2000)),  # noqa: S324
        base64.b64encode(
            b"".join(hashlib.sha256(str(n).encode()).digest() for n in range(9999))
        ).decode(),
        "AKIA is where a key would begin; eyJ where a token would. SG.1 sk_live_ ghp_ AC-DC",
    ],
)
def test_i14_digests_addresses_and_names_are_no_secrets(text: str) -> None:
    assert forms_in(text.encode()) == set()
    assert forms_in(canonical_bytes({"note": text})) == set()


PEM = "-----BEGIN PRIVATE KEY-----\n" + "\n".join(
    base64.b64encode(hashlib.sha512(str(n).encode()).digest()[:48]).decode() for n in range(3)
)


@pytest.mark.parametrize(
    "value", ["pa'ss\"<&wörd> 77", PEM, "ends-with-a-newline\n", "\\back\\slash\\"]
)
def test_i14_a_known_value_is_found_in_every_spelling(value: str) -> None:
    import html  # noqa: PLC0415
    from urllib.parse import quote, quote_plus  # noqa: PLC0415

    texts = [
        f"x{value}y",
        json.dumps({"a": f"x{value}y"}),
        json.dumps({"a": f"x{value}y"}, ensure_ascii=False),
        repr(f"x{value}y"),
        html.escape(f"x{value}y"),
        quote(f"x{value}y", safe=""),
        quote_plus(f"x{value}y"),
        re.sub("%..", lambda escaped: escaped[0].lower(), quote(f"x{value}y", safe="")),
        *(base64.b64encode(b"z" * n + value.encode() + b"tail").decode() for n in range(3)),
        *(base64.urlsafe_b64encode(b"z" * n + value.encode() + b"tail").decode() for n in range(3)),
    ]
    for text in texts:
        assert known_in(text.encode(), [value]) == {"a known secret value"}, text
        assert known_in(text.encode(), ["another-value-of-that-length"]) == set()


def test_i14_one_line_of_a_key_is_found_as_the_key() -> None:
    assert known_in(f"at {PEM.splitlines()[2]} of".encode(), [PEM])
    assert b"-----BEGIN PRIVATE KEY-----" not in spellings(PEM)


def test_i14_a_value_of_three_letters_occurs_anywhere_and_counts_nowhere() -> None:
    assert known_in(b"abc", ["abc", ""]) == set()


def test_i14_the_detector_is_named_with_its_version() -> None:
    assert detector().startswith("detect-secrets 1.")
    assert secrets_in(b"") == []


def test_the_command_line_starts_without_the_detector() -> None:
    script = (
        "import platform_assets.cli.main, platform_assets.pipeline, sys;"
        "print('detect_secrets' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "False"


def test_the_evidence_of_every_example_holds_no_form() -> None:
    for path in Path(__file__).parents[1].glob("vectors/**/*.json"):
        assert forms_in(path.read_bytes()) == set(), path
