"""Tokens for OAUTHBEARER: one that something else renews, or one signed for Amazon MSK.

A token that stands behind a reference is read at every use, so that whoever renews it needs to tell
nobody. For Amazon MSK with IAM a token is a URL that is signed with the AWS credentials of the process
(Signature Version 4, valid for 15 minutes), as the service documents it; both client libraries take it
as an OAUTHBEARER token.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import botocore.session
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError

from platform_assets.adapters.credentials import place, secret
from platform_assets.errors import CredentialMissing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from platform_assets.declarations import SecretReference

#: How long a signed token of Amazon MSK is valid: the most that the service accepts.
MSK_SECONDS = 900
#: How soon a token that does not say when it expires is read again.
_UNSAID_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and the epoch second at which it ceases to be one. Its value is never printed."""

    value: str = field(repr=False)
    expires_at: float


def bearer(reference: SecretReference, home: Path) -> Callable[[], Token]:
    """Return a function that reads the token behind a reference each time that it is called."""

    def read() -> Token:
        value = secret(reference, home).strip()
        expires_at = _expiry(value)
        now = time.time()
        if expires_at is not None and expires_at <= now:
            raise CredentialMissing(
                f"token in {place(reference)}",
                expected="one that is still valid",
                found=f"one that expired {int(now - expires_at)} seconds ago",
                remedy="See why nothing renews it.",
            )
        return Token(value, expires_at if expires_at is not None else now + _UNSAID_SECONDS)

    return read


def msk_iam(region: str) -> Callable[[], Token]:
    """Return a function that signs a token for Amazon MSK with the AWS credentials of the process."""
    session = botocore.session.Session()

    def sign() -> Token:
        try:
            credentials = session.get_credentials()
            frozen = credentials.get_frozen_credentials() if credentials else None
        except BotoCoreError as error:
            raise _no_credentials(str(error)) from None
        if frozen is None:
            raise _no_credentials("none")
        request = AWSRequest(
            method="GET",
            url=f"https://kafka.{region}.amazonaws.com/",
            params={"Action": "kafka-cluster:Connect"},
        )
        SigV4QueryAuth(frozen, "kafka-cluster", region, expires=MSK_SECONDS).add_auth(request)
        signed = f"{request.url}&User-Agent=platform-assets"
        value = base64.urlsafe_b64encode(signed.encode()).decode().rstrip("=")
        return Token(value, time.time() + MSK_SECONDS)

    return sign


def _expiry(token: str) -> float | None:
    """Return when a JSON web token says that it expires; None where it is none, or does not say."""
    try:
        _, claims, _ = token.split(".")
        found = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"]
        return float(found)
    except (ValueError, TypeError, LookupError, binascii.Error):
        return None


def _no_credentials(found: str) -> CredentialMissing:
    return CredentialMissing(
        "AWS credentials for Amazon MSK",
        expected="some in the provider's usual chain: environment, profile, container or instance",
        found=found,
        remedy="Give the process a role or a profile, and see: aws sts get-caller-identity",
    )
