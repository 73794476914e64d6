"""Errors of the platform as Dagster failures.

A refusal fails the step, with the error's code, thing, expectation, finding and remedy as metadata. It
is never retried: the same bytes get the same answer. An outage or an unknown outcome is tried again, a
few times and no more, because every step looks at what stands before it acts. A sensor does not wait:
what it meets fails its tick, and the next tick looks again.
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from dagster._core.execution.plan.objects import ErrorSource, StepFailureData

from platform_assets import errors
from platform_assets.errors import PlatformError, is_outage
from platform_assets.orchestration.withholding import without_secrets

#: How often a step that met an outage is tried again, and how many seconds it waits before each try.
OUTAGE_RETRIES = 3
OUTAGE_WAIT_SECONDS = 10

_FIELDS = ("thing", "expected", "found", "remedy")


@contextmanager
def refusals_fail_the_step(secrets: frozenset[str], *, retried: bool = True) -> Iterator[None]:
    """Turn an error of the platform into the failure, or the retry, of the Dagster step around it.

    Args:
        secrets: values that Dagster must not get to see.
        retried: whether a step that met an outage is tried again.

    Raises:
        dagster.Failure: the body raised a `PlatformError`.
        dagster.RetryRequested: it was an outage or an unknown outcome; caused by such a failure.
    """
    try:
        yield
    except PlatformError as error:
        # Dagster keeps the message of a cause as well, and of its cause, as they are
        cause = None if secrets else error
        again = retried and is_outage(type(error))
        failure = _failure(error, secrets, again=again)
        if not again:
            raise failure from cause
        failure.__cause__ = cause
        raise dg.RetryRequested(OUTAGE_RETRIES, OUTAGE_WAIT_SECONDS) from failure
    except Exception as error:
        _require_silent(error, secrets)
        raise


@contextmanager
def errors_fail_the_tick(secrets: frozenset[str]) -> Iterator[None]:
    """Let an error of the platform fail the tick around it with its own text, but for secrets.

    Raises:
        PlatformError: as the body raised it.
    """
    try:
        yield
    except PlatformError as error:
        if not secrets:
            raise
        shown = {name: without_secrets(getattr(error, name), secrets) for name in _FIELDS}
        raise type(error)(**shown) from None
    except Exception as error:
        _require_silent(error, secrets)
        raise


def _require_silent(error: Exception, secrets: frozenset[str]) -> None:
    """Require that an error which nobody foresaw quotes no secret, nor what led to it.

    Raises:
        dagster.Failure: it does; the failure says the same without.
    """
    told = "".join(traceback.format_exception(error))
    shown = without_secrets(told, secrets)
    if shown != told:
        raise dg.Failure(description=shown, allow_retries=False) from None


def error_of(failure: StepFailureData | None) -> PlatformError | None:
    """Return the platform's error with which a Dagster step failed, None where it was another."""
    told = failure.user_failure_data if failure else None
    if told is None:
        return None
    fields = {name: str(value.value) for name, value in told.metadata.items()}
    kind = getattr(errors, fields.get("code", ""), None)
    if not (isinstance(kind, type) and issubclass(kind, PlatformError)):
        return None
    return kind(**{name: fields[name] for name in _FIELDS})


def was_interrupted(failure: StepFailureData | None) -> bool:
    """Tell whether a Dagster step failed because its process was told to end."""
    return failure is not None and failure.error_source is ErrorSource.INTERRUPT


def _failure(error: PlatformError, secrets: frozenset[str], *, again: bool) -> dg.Failure:
    fields = {"code": error.code, **{name: getattr(error, name) for name in _FIELDS}}
    return dg.Failure(
        description=without_secrets(f"{error.code}: {error}", secrets),
        metadata={key: without_secrets(text, secrets) for key, text in fields.items()},
        allow_retries=again,
    )
