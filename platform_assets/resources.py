"""Where the package keeps its schemas, in a checkout and in a wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def schemas_folder() -> Path:
    """Return the folder that holds ``records/`` and ``events/``.

    Raises:
        RuntimeError: the installation is incomplete.
    """
    for folder in (_PACKAGE / "schemas", _PACKAGE.parent / "schemas"):
        if (folder / "records").is_dir():
            return folder
    raise RuntimeError(f"the package at {_PACKAGE} was installed without its schemas")
