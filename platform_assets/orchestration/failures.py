"""Errors of the platform as Dagster failures.

A refusal fails the step, with the error's code, thing, expectation, finding and remedy as metadata. It
is never retried: the same bytes get the same answer. An outage or an unknown outcome may be retried,
because every step looks at what stands before it acts.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from platform_assets.errors import DependencyUnreachable, PlatformError, UnknownOutcome
from platform_assets.orchestration.withholding import without_secrets


@contextmanager
def refusals_fail_the_step(secrets: frozenset[str]) -> Iterator[None]:
    """Turn an error of the platform into the failure of the Dagster step around it.

    Raises:
        dagster.Failure: the body raised a `PlatformError`.
    """
    try:
        yield
    except PlatformError as error:
        fields = {"code": error.code, **error.as_json()}
        del fields["error"]
        failure = dg.Failure(
            description=without_secrets(f"{error.code}: {error}", secrets),
            metadata={key: without_secrets(text, secrets) for key, text in fields.items()},
            allow_retries=isinstance(error, (DependencyUnreachable, UnknownOutcome)),
        )
        # Dagster keeps the message of a cause as well, and of its cause, as they are
        raise failure from (None if secrets else error)
