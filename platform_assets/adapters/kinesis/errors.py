"""What went wrong between the client library and Kinesis, in the platform's own words.

`answer_of(error)` sorts an error by what to do about it: wait because of a quota, try again, make a new
iterator, begin a listing anew, or tell the user. `told(error, thing)` tells the user:

- who the client is, or what it may do: `SourceDenied`;
- no such stream or shard, or a sequence number of another stream: `SourceChanged`;
- everything else that stands between the client and an answer: `SourceUnreachable`.

Kinesis quotes what it was sent, signature and session token included, when a signature is wrong. What
it says is passed on only where it names a principal, an action or a key, and nothing else.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from platform_assets.errors import (
    CredentialMissing,
    PlatformError,
    SourceChanged,
    SourceDenied,
    SourceUnreachable,
)


class Answer(StrEnum):
    """What an error means for whoever asked."""

    QUOTA = "a quota is used up for a moment"
    PASSING = "asking again may help"
    ITERATOR = "the iterator is of no use any more"
    TOKEN = "the listing has to begin anew"  # noqa: S105 - a page token of ListShards
    DENIED = "the client is not let in"
    GONE = "there is no such stream or shard"
    INVALID = "the request names something that the stream does not know"


_BY_CODE = {
    Answer.QUOTA: (
        "ProvisionedThroughputExceededException",
        "LimitExceededException",
        "KMSThrottlingException",
        "ThrottlingException",
        "Throttling",
        "RequestLimitExceeded",
        "TooManyRequestsException",
    ),
    Answer.PASSING: (
        "InternalFailure",
        "InternalFailureException",
        "InternalServerError",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ResourceInUseException",
    ),
    Answer.ITERATOR: ("ExpiredIteratorException",),
    Answer.TOKEN: ("ExpiredNextTokenException",),
    Answer.DENIED: (
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "KMSAccessDeniedException",
        "KMSDisabledException",
        "KMSInvalidStateException",
        "KMSNotFoundException",
        "KMSOptInRequired",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "NotAuthorized",
        "OptInRequired",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    ),
    Answer.GONE: ("ResourceNotFoundException",),
    Answer.INVALID: ("InvalidArgumentException", "ValidationException"),
}
_ANSWERS = {code: answer for answer, codes in _BY_CODE.items() for code in codes}
_FORBIDDEN = (401, 403)
_QUOTA_STATUS = 429
_QUOTABLE = ("AccessDenied", "KMS", "ResourceNotFound", "InvalidArgument")
_QUOTED_CHARACTERS = 400

_CREDENTIALS = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)


def answer_of(error: Exception) -> Answer:
    """Return what an error of the client library means."""
    if isinstance(error, (*_CREDENTIALS, ProfileNotFound, NoRegionError)):
        return Answer.DENIED
    if isinstance(error, (ParamValidationError, ValueError)):
        return Answer.INVALID
    if not isinstance(error, ClientError):
        return Answer.PASSING  # no connection, no name, no answer in time, half an answer
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    by_status = Answer.DENIED if status in _FORBIDDEN else Answer.PASSING
    if status == _QUOTA_STATUS:
        by_status = Answer.QUOTA
    return _ANSWERS.get(code_of(error), by_status)


def code_of(error: Exception) -> str:
    """Return the name of an error: Kinesis's own, or the library's class."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "an error without a code"))
    return type(error).__name__


def described(error: Exception) -> str:
    """Return what may be told of an error: its name, and its text where that holds no secret."""
    code = code_of(error)
    if isinstance(error, ClientError):
        if not code.startswith(_QUOTABLE):
            return code
        text = str(error.response.get("Error", {}).get("Message", ""))
    elif isinstance(error, BotoCoreError):
        text = str(error)  # made of addresses and names of settings
    else:
        return code
    text = " ".join(text.split())[:_QUOTED_CHARACTERS]
    return f"{code}: {text}" if text else code


class _Words(NamedTuple):
    """The platform's error, and its words; the action that was asked for stands in the first ones."""

    error: type[PlatformError]
    expected: str
    remedy: str


_NO_PROFILE = _Words(
    CredentialMissing,
    "a profile of the AWS configuration",
    "Configure the profile, or declare another one as `profile` of the source.",
)
_WORDS = {
    Answer.DENIED: _Words(
        SourceDenied,
        "valid credentials that allow kinesis:{action}",
        "Renew the credentials of the declared `profile`, or of the provider's usual chain; allow the "
        "action to their principal, and the stream's key where it has one; check this machine's clock.",
    ),
    Answer.GONE: _Words(
        SourceChanged,
        "the stream and its shard",
        "Check the stream's name, region, endpoint and account.",
    ),
    Answer.INVALID: _Words(
        SourceChanged,
        "a stream that knows the recorded positions",
        "The stream was made anew, or the declared start is not a position of it: check both. A feed "
        "goes on from where it stood; to start anew, declare a feed of another name.",
    ),
}
_NO_ANSWER = _Words(
    SourceUnreachable,
    "an answer to {action}",
    "Check the network and the service's health; what was asked for is asked again at the next "
    "attempt.",
)


def told(error: Exception, thing: str, action: str, tried: str = "") -> PlatformError:
    """Return the platform's error for one that no repetition mends, or that so many did not."""
    words = _WORDS.get(answer_of(error), _NO_ANSWER)
    if isinstance(error, ProfileNotFound):
        words = _NO_PROFILE
    return words.error(
        thing,
        expected=words.expected.format(action=action),
        found=f"{described(error)}, asked for {action}{tried}",
        remedy=words.remedy,
    )
