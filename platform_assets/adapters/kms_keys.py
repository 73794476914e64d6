"""Wrapping keys in AWS KMS: the key never leaves the service, and IAM says who may use it for what.

The context is the request's encryption context. KMS binds the wrapped key to it, and a key policy or an
IAM policy can ask for it (`kms:EncryptionContext:stage`): one role may wrap and unwrap in the stage
`staging` and only wrap in `release`, another only unwrap in `release`.

Credentials, region and endpoint come by the usual chain of boto3. What KMS says of a refusal names the
principal, the action and the key; nothing else of its answer is passed on.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
)

from platform_assets.adapters.aws import aws_session
from platform_assets.errors import (
    CredentialMissing,
    KeyDenied,
    KeyInvalid,
    KeyMissing,
    KeyServiceUnreachable,
    PlatformError,
)
from platform_assets.ports.keys import Wrapped

if TYPE_CHECKING:
    from collections.abc import Mapping

#: How a setting names a key of KMS: its id, its alias or its ARN follows.
PREFIX = "aws-kms:"

_CREDENTIALS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
#: AWS gives secrets of 40 characters; a stand-in for its services takes a word, which is no secret.
_SHORTEST_CREDENTIAL = 20

_DENIED = (
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "NotAuthorized",
    "OptInRequired",
    "UnrecognizedClientException",
)
_FORBIDDEN = (401, 403)
_INVALID = ("IncorrectKeyException", "InvalidCiphertextException")
_MISSING = (
    "DisabledException",
    "InvalidArnException",
    "InvalidKeyUsageException",
    "KMSInvalidStateException",
    "NotFoundException",
    "ValidationException",
)
_UNSIGNED = (NoCredentialsError, NoRegionError, PartialCredentialsError, ProfileNotFound)
_CONFIG = Config(
    connect_timeout=5, read_timeout=15, retries={"max_attempts": 4, "mode": "standard"}
)


class KmsWrappingKey:
    """Wraps data keys by a symmetric key of AWS KMS."""

    def __init__(self, key: str) -> None:
        self._key = key

    @property
    def name(self) -> str:
        """The key's id, alias or ARN."""
        return f"{PREFIX}{self._key}"

    def wrap(self, secret: bytes, context: Mapping[str, str]) -> Wrapped:
        """Encrypt a data key by ``kms:Encrypt``.

        Raises:
            KeyDenied, KeyMissing, KeyServiceUnreachable, CredentialMissing: KMS did not do it.
        """
        answer = self._ask("Encrypt", context, KeyId=self._key, Plaintext=secret)
        return Wrapped(f"{PREFIX}{answer['KeyId']}", answer["CiphertextBlob"])

    def unwrap(self, wrapped: Wrapped, context: Mapping[str, str]) -> bytes:
        """Return the data key by ``kms:Decrypt``.

        Raises:
            KeyInvalid: it was wrapped by another key or under another context, or was changed.
            KeyDenied, KeyMissing, KeyServiceUnreachable, CredentialMissing: KMS did not do it.
        """
        answer = self._ask("Decrypt", context, KeyId=self._key, CiphertextBlob=wrapped.data)
        return bytes(answer["Plaintext"])

    def secret_values(self) -> frozenset[str]:
        """Return the credentials that stand in the environment; the key itself stays in KMS."""
        given = (os.environ.get(name, "") for name in _CREDENTIALS)
        return frozenset(value for value in given if len(value) >= _SHORTEST_CREDENTIAL)

    @cached_property
    def _client(self) -> Any:
        return aws_session().client("kms", config=_CONFIG)

    def _ask(self, action: str, context: Mapping[str, str], **parameters: Any) -> dict[str, Any]:
        try:
            ask = getattr(self._client, action.lower())
            answer: dict[str, Any] = ask(EncryptionContext=dict(context), **parameters)
        except (BotoCoreError, ClientError) as error:
            raise self._told(error, action, context) from None  # its text may quote the request
        return answer

    def _told(self, error: Exception, action: str, context: Mapping[str, str]) -> PlatformError:
        thing = f"{self.name}, kms:{action} for {', '.join(f'{k} {v}' for k, v in context.items())}"
        if isinstance(error, _UNSIGNED):
            return CredentialMissing(
                thing,
                expected="credentials and a region of AWS",
                found=type(error).__name__,
                remedy="Give them as the AWS command line has them: AWS_PROFILE, a role, AWS_REGION.",
            )
        code, status = _answered(error)
        if code in _DENIED or status in _FORBIDDEN:
            return KeyDenied(
                thing,
                expected=f"to be allowed kms:{action} with this encryption context",
                found=_quotable(error, code),
                remedy="Use a role that may, or allow it in the key's policy for this stage: "
                f"{context.get('stage', '')}.",
            )
        if code in _INVALID:
            return KeyInvalid(
                thing,
                expected="a key that was wrapped for exactly this by that key",
                found=code,
                remedy="Restore the record from a copy, and name the key that wrapped it in keys.",
            )
        if code in _MISSING or isinstance(error, ParamValidationError):
            return KeyMissing(
                thing,
                expected="a symmetric encryption key that is enabled",
                found=code or type(error).__name__,
                remedy="Correct keys in platform.yaml, or enable the key.",
            )
        return KeyServiceUnreachable(
            thing,
            expected="an answer of AWS KMS",
            found=code or type(error).__name__,
            remedy="Nothing was decided. Try again when KMS answers; check endpoint and region.",
        )


def _answered(error: Exception) -> tuple[str, int]:
    """Return the code and the HTTP status of an answer; nothing where there was none."""
    if not isinstance(error, ClientError):
        return "", 0
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return error.response["Error"]["Code"], status


def _quotable(error: Exception, code: str) -> str:
    """Return what an answer says of principal and action; of a bad signature it quotes too much."""
    if isinstance(error, ClientError) and code.startswith("AccessDenied"):
        return f"{code}: {error.response['Error'].get('Message', '')[:400]}"
    return code
