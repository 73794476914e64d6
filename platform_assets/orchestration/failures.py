"""Errors of the platform as Dagster failures.

A refusal fails the step, with the error's code, thing, expectation, finding and remedy as metadata. It
is never retried: the same bytes get the same answer. An outage or an unknown outcome may be retried,
because every step looks at what stands before it acts.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from platform_assets.errors import DependencyUnreachable, PlatformError, UnknownOutcome


@contextmanager
def refusals_fail_the_step() -> Iterator[None]:
    """Turn an error of the platform into the failure of the Dagster step around it.

    Raises:
        dagster.Failure: the body raised a `PlatformError`.
    """
    try:
        yield
    except PlatformError as error:
        raise dg.Failure(
            description=f"{error.code}: {error}",
            metadata={
                "code": error.code,
                "thing": error.thing,
                "expected": error.expected,
                "found": error.found,
                "remedy": error.remedy,
            },
            allow_retries=isinstance(error, (DependencyUnreachable, UnknownOutcome)),
        ) from error
