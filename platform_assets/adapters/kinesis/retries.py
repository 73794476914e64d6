"""What a failed PutRecords means, and how long to wait before the next one."""

from __future__ import annotations

import random
import time

from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ProxyConnectionError,
    SSLError,
)

from platform_assets.adapters.kinesis.errors import Answer, answer_of

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 5.0
_NEVER_SENT = (EndpointConnectionError, ConnectTimeoutError, ProxyConnectionError)
_BLAMES_THE_CLIENT = range(400, 500)


def may_be_written(error: Exception) -> bool:
    """Tell whether a failed request may have taken effect all the same.

    Kinesis writes nothing where it blames the client, and nothing reaches it where no connection came
    about. Whatever else happens may happen after the records were written.
    """
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status not in _BLAMES_THE_CLIENT
    if isinstance(error, SSLError):
        return "CERTIFICATE_VERIFY_FAILED" not in str(error)
    return not isinstance(error, _NEVER_SENT) and answer_of(error) is Answer.PASSING


def may_be_repeated(error: Exception) -> bool:
    """Tell whether the same request can do better later."""
    return answer_of(error) in (Answer.QUOTA, Answer.PASSING)


class Attempts:
    """The tries since the last one that took something, and the pause before the next."""

    def __init__(self, bound_seconds: float) -> None:
        self._bound = bound_seconds
        self._failures = 0
        self._since = 0.0

    def progress(self) -> None:
        """Begin to count anew: something was taken."""
        self._failures = 0

    def pause(self) -> bool:
        """Wait for a while, longer each time; False once nothing was taken for the bound."""
        if self._failures == 0:
            self._since = time.monotonic()
        longest = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** min(self._failures, 16))
        pause = random.uniform(0, longest)  # noqa: S311 - spreads clients; nothing is kept secret
        if time.monotonic() + pause - self._since >= self._bound:
            return False
        self._failures += 1
        time.sleep(pause)
        return True
