"""Credentials of AWS that stand in a file, read again when the file is another.

The library reads them once for each session. A key that was rotated while a process runs would be known
to nobody until somebody starts that process anew, though the new one stands in the file. So the files
are looked at before each use, which takes microseconds, and read when they were written.

What is in the middle of being written, or cannot be read, changes nothing: the credentials that were
read last count until others can be read. Credentials that renew themselves are left to the library.
"""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from botocore.credentials import CredentialResolver, Credentials
from botocore.exceptions import BotoCoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    import botocore.session

_IN_FILES = frozenset({"shared-credentials-file", "config-file"})
_FILES = ("credentials_file", "config_file")

#: What tells one version of a file from another: when it was written, its inode, its size.
_Version = tuple[int, int, int] | None


def read_again(session: botocore.session.Session) -> None:
    """Let a session find credentials as before, and those in files as they are at each use."""
    providers = session.get_component("credential_provider").providers
    named = [session.get_config_variable(name) for name in _FILES]
    files = [Path(name).expanduser() for name in named if name]
    session.register_component("credential_provider", _Chain(providers, files))


class _Chain(CredentialResolver):  # type: ignore[misc] # the library publishes no types
    """The library's chain of places where credentials are looked for."""

    def __init__(self, providers: list[Any], files: list[Path]) -> None:
        super().__init__(providers)
        self._files = files

    def load_credentials(self) -> Credentials | None:
        """Return the first credentials that are found, None where there are none."""
        version = _version(self._files)
        found = super().load_credentials()
        if found is None or found.method not in _IN_FILES:
            return found
        return _InFiles(found, self._files, version, super().load_credentials)


class _InFiles(Credentials):  # type: ignore[misc] # the library publishes no types
    """Credentials as the files hold them at the moment of use."""

    def __init__(
        self,
        found: Credentials,
        files: list[Path],
        version: list[_Version],
        read: Callable[[], Credentials | None],
    ) -> None:
        super().__init__(found.access_key, found.secret_key, found.token, method=found.method)
        self._found, self._files, self._version, self._read = found, files, version, read
        self._reading = Lock()

    def get_frozen_credentials(self) -> Any:
        """Return the three parts, which belong together."""
        with self._reading:
            version = _version(self._files)
            if version != self._version:
                self._read_files(version)
            return self._found.get_frozen_credentials()

    def _read_files(self, version: list[_Version]) -> None:
        try:
            found = self._read()
        except BotoCoreError:
            return
        if found is not None and found.method in _IN_FILES:
            self._found, self._version = found, version


def _version(files: list[Path]) -> list[_Version]:
    return [_of(file) for file in files]


def _of(file: Path) -> _Version:
    try:
        status = os.stat(file)  # noqa: PTH116 - before each request
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
