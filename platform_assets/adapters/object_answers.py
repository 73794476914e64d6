"""What an object store's client met, in the platform's own words.

Two libraries speak to object stores: obstore to all of them, boto3 to S3 for what obstore does not
know. `fault_of(error)` reads from either's error what it means for whoever asked: nothing is there, the
path is taken, another write is under way, the client is not let in, there is no such bucket, the store
refuses, or it cannot be told what happened.

A store quotes what it was sent, signature and session token included, when a signature is wrong. So of
what it says only the status, the code, and the message of a denied access are passed on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from obstore.exceptions import BaseError

from platform_assets.errors import (
    AnswerAltered,
    DependencyUnreachable,
    StoreDenied,
    StoreUnwritable,
    UnknownOutcome,
)

if TYPE_CHECKING:
    from platform_assets.errors import PlatformError


class Answer(Enum):
    """What an error means."""

    ABSENT = "nothing is there"
    TAKEN = "something is there"
    CONFLICT = "another write of the same object is under way, or something is there"
    DENIED = "the client is not let in"
    ELSEWHERE = "there is no such bucket here"
    REFUSED = "the store does not do that"
    UNCLEAR = "nobody can tell what happened"


#: Every error of the two libraries; obstore uses Python's own for absence and denial.
CLIENT_ERRORS = (BaseError, OSError, BotoCoreError, ClientError)

_BY_STATUS = {
    401: Answer.DENIED,
    403: Answer.DENIED,
    404: Answer.ABSENT,
    408: Answer.UNCLEAR,
    409: Answer.CONFLICT,
    412: Answer.TAKEN,
    429: Answer.UNCLEAR,
    501: Answer.REFUSED,
    507: Answer.REFUSED,
}
_BY_CODE = {
    **dict.fromkeys(
        (
            "NoSuchBucket",
            "ContainerNotFound",
            "PermanentRedirect",
            "AuthorizationHeaderMalformed",
            "IllegalLocationConstraintException",
        ),
        Answer.ELSEWHERE,
    ),
    **dict.fromkeys(("QuotaExceeded", "InvalidObjectState"), Answer.REFUSED),
    **dict.fromkeys(("ExpiredToken", "InvalidToken", "TokenRefreshRequired"), Answer.DENIED),
    # A completion of several parts answers well and says afterwards that it went wrong.
    **dict.fromkeys(("InternalError", "SlowDown", "RequestTimeout"), Answer.UNCLEAR),
    "NoSuchKey": Answer.ABSENT,
    "ConditionalRequestConflict": Answer.CONFLICT,
    "PreconditionFailed": Answer.TAKEN,
}
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
_MESSAGE = re.compile(r"<Message>([^<]{1,300})")
_KIND = re.compile(r"kind: (Connect|Timeout|Request|Decode|Interrupted|Unknown)")
_REDIRECTED = "Received redirect without LOCATION"
_CLIENT_STATUS = range(400, 500)
_REDIRECTS = range(300, 400)
_NO_STATUS = 0


@dataclass(frozen=True, slots=True)
class Fault:
    """What an error means, and what of it may be told."""

    answer: Answer
    told: str


def fault_of(error: Exception) -> Fault:
    """Return what an error of a client library means.

    Raises:
        OSError: it is not theirs but this machine's, for example a full disk.
    """
    if isinstance(error, OSError) and error.errno is not None:
        raise error
    status, code, message = _read(error)
    answer = _BY_CODE.get(code) or _BY_STATUS.get(status)
    if not status and isinstance(error, FileNotFoundError):
        answer = Answer.ABSENT
    if answer is None and status in _REDIRECTS:
        answer = Answer.ELSEWHERE
    if answer is None:
        answer = Answer.REFUSED if status in _CLIENT_STATUS else Answer.UNCLEAR
    shown = [str(status)] if status else []
    shown += [code] if code else []
    if answer is Answer.DENIED and code == "AccessDenied" and message:
        shown.append(f"({message})")
    return Fault(answer, " ".join(shown) or _kind(error))


def _read(error: Exception) -> tuple[int, str, str]:
    """Return HTTP status, code and message, each empty where the error holds none."""
    if isinstance(error, ClientError):
        said = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", _NO_STATUS)
        code = str(said.get("Code", ""))
        return int(status), "" if code.isdigit() else code, str(said.get("Message", ""))[:300]
    text = str(error)
    if _REDIRECTED in text:
        return 301, "", ""
    found = _STATUS.search(text), _CODE.search(text), _MESSAGE.search(text)
    status, code, message = (match[1] if match else "" for match in found)
    return int(status or _NO_STATUS), code, message


def _kind(error: Exception) -> str:
    if isinstance(error, BotoCoreError):
        return type(error).__name__
    kind = _KIND.search(str(error))
    return f"no whole answer ({kind[1] if kind else type(error).__name__})"


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of which object of which store, for the words of an error."""

    action: str
    store: str
    key: str

    def denied(self, fault: Fault) -> StoreDenied:
        """Say that the client may not do that."""
        return StoreDenied(
            f"{self.key} in {self.store}",
            expected=f"credentials that allow {self.action} on it",
            found=fault.told,
            remedy="Allow the action to their principal (docs/stores.md lists them), renew them where "
            "they have expired, check this machine's clock; then run the step again.",
        )

    def elsewhere(self, fault: Fault) -> StoreUnwritable:
        """Say that the bucket is not there; nothing was written."""
        return StoreUnwritable(
            self.store,
            expected="a bucket of that name, in that region and account",
            found=f"{fault.told}, asked for {self.action}",
            remedy="Make the bucket, or correct `store` and `object_store` in platform.yaml.",
        )

    def refused(self, fault: Fault) -> StoreUnwritable:
        """Say that the store does not do that; nothing was written."""
        return StoreUnwritable(
            f"{self.key} in {self.store}",
            expected=f"a store that does {self.action}",
            found=f"{fault.told}; nothing was written",
            remedy="Look up the code at the provider: a quota, a policy, or conditional writes that it "
            "does not know (docs/stores.md). Then run the step again.",
        )

    def overwriting(self) -> StoreUnwritable:
        """Say that the store creates twice what must be created once."""
        return StoreUnwritable(
            self.store,
            expected="a store that turns down the second create of an object",
            found="the second create overwrote the first one; nothing else was written",
            remedy="Use a bucket without versions, or a release of this store that honours "
            "If-None-Match in one with versions (docs/stores.md).",
        )

    def unreachable(self, fault: Fault) -> DependencyUnreachable:
        """Say that there was no answer to a question."""
        return DependencyUnreachable(
            f"{self.key} in {self.store}",
            expected=f"an answer to {self.action}",
            found=fault.told,
            remedy="Check the network and the store's health, then run the step again.",
        )

    def unknown(self, why: str) -> UnknownOutcome:
        """Say that nobody can tell whether a write took effect."""
        return UnknownOutcome(
            f"{self.key} in {self.store}",
            expected=f"an answer to {self.action}",
            found=why,
            remedy="Run the step again when the store answers; it reads back what stands there. Delete "
            "nothing.",
        )

    def altered(self, why: str) -> AnswerAltered:
        """Say that an answer is not what was stored."""
        return AnswerAltered(
            f"{self.key} in {self.store}",
            expected="the bytes whose SHA-256 was recorded with the object",
            found=why,
            remedy="Something between the store and here alters or cuts answers, or the object was "
            "replaced. Look at both; then run the step again.",
        )

    def reading(self, fault: Fault) -> PlatformError:
        """Return the error of a read that found no object for any other reason than its absence."""
        match fault.answer:
            case Answer.DENIED:
                return self.denied(fault)
            case Answer.ELSEWHERE:
                return self.elsewhere(fault)
            case _:
                return self.unreachable(fault)
