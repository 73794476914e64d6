"""What a user's function prints and raises, without the secret values that the home knows.

A function that is named in YAML runs in this process and may know its secrets: it may print them while
it looks for a fault, or a client of its own may quote them in an error. Where the platform runs under
Dagster, that text is kept with the run for years. So known values, in whatever spelling, are withheld
from `sys.stdout` and `sys.stderr` while such a function runs, and from the text of what it raises.

That is text that goes through Python, line by line. What a subprocess or a library in another language
writes to the file descriptors of the process is beyond it.
"""

from __future__ import annotations

import io
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import wraps
from typing import TYPE_CHECKING, Any, TextIO

from platform_assets.errors import PlatformError
from platform_assets.flow.secret_scan import known_forms, without_forms, without_known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LONGEST_LINE = 1 << 16


@contextmanager
def secrets_withheld(secrets: frozenset[str]) -> Iterator[None]:
    """Withhold secrets from what is printed within."""
    if not secrets:
        yield
        return
    out, err = _Filter(sys.stdout, secrets), _Filter(sys.stderr, secrets)
    try:
        with redirect_stdout(out), redirect_stderr(err):
            yield
    finally:
        out.finish()
        err.finish()


def withholding(function: Callable[..., Any], secrets: frozenset[str]) -> Callable[..., Any]:
    """Return a function that neither prints nor raises secrets."""

    @wraps(function)
    def withheld(*arguments: Any, **named: Any) -> Any:
        try:
            with secrets_withheld(secrets):
                return function(*arguments, **named)
        except (PlatformError, KeyboardInterrupt):
            raise
        except BaseException as error:
            told = f"{type(error).__name__}: {error}"
            if without_known(told, secrets) == told:
                raise
            shown = without_known(told, secrets)
        raise RuntimeError(shown)

    return withheld


class _Filter(io.TextIOBase):
    """Passes lines on without secrets. A line is held back until it is whole, or very long."""

    def __init__(self, target: TextIO, secrets: frozenset[str]) -> None:
        self._target = target
        self._forms = known_forms(secrets)
        self._held = ""

    def write(self, text: str) -> int:
        """Take text; what makes whole lines is passed on."""
        self._held += text
        end = max(self._held.rfind("\n"), self._held.rfind("\r")) + 1
        if not end and len(self._held) > _LONGEST_LINE:
            end = len(self._held)
        if end:
            self._target.write(without_forms(self._held[:end], self._forms))
            self._held = self._held[end:]
        return len(text)

    def flush(self) -> None:
        """Flush what was passed on; half a line may be half a secret, and waits."""
        self._target.flush()

    def finish(self) -> None:
        """Pass on what is left."""
        self._target.write(without_forms(self._held, self._forms))
        self._held = ""

    def writable(self) -> bool:
        """Tell that it can be written to."""
        return True

    def isatty(self) -> bool:
        """Tell whether a terminal shows what is passed on."""
        return self._target.isatty()

    def fileno(self) -> int:
        """Return the descriptor behind it, which nothing filters."""
        return self._target.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override] # the base has an attribute
        """The encoding of what is passed on."""
        return getattr(self._target, "encoding", None) or "utf-8"
