"""Credentials, read from where a declaration says that they are, at the moment of use.

A secret stands in an environment variable or in a file; a declaration names the place. What is read is
handed to a client library and kept nowhere else. Errors name the place and never the value.

A file may end with a newline, as editors write it; that newline is no part of the secret.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from platform_assets.errors import CredentialMissing

if TYPE_CHECKING:
    from pathlib import Path

    from platform_assets.declarations import SecretReference


def place(reference: SecretReference) -> str:
    """Return where a reference points, for messages."""
    if reference.env is not None:
        return f"the environment variable {reference.env}"
    return f"the file {reference.file}"


def secret(reference: SecretReference, home: Path) -> str:
    """Return the secret that a reference names; relative files stand in the platform home.

    Raises:
        CredentialMissing: there is no such variable or file, or it is empty, or no UTF-8 text.
    """
    if reference.env is not None:
        found = os.environ.get(reference.env)
        if not found:
            raise _missing(reference, "no such variable" if found is None else "an empty one")
        return found
    try:
        found = (home / str(reference.file)).read_text("utf-8")
    except OSError as error:
        raise _missing(reference, error.strerror or type(error).__name__) from None
    except UnicodeDecodeError:  # its message would quote the bytes
        raise _missing(reference, "bytes that are no UTF-8 text") from None
    found = found.removesuffix("\n").removesuffix("\r")
    if not found:
        raise _missing(reference, "an empty file")
    return found


def _missing(reference: SecretReference, found: str) -> CredentialMissing:
    what = "variable" if reference.env is not None else "file"
    return CredentialMissing(
        f"credential in {place(reference)}",
        expected=f"a {what} that holds it",
        found=found,
        remedy=f"Set {place(reference)}, or name another one in the source's declaration.",
    )
