"""Which code made a record: package version, source revision, image, versions of what shapes bytes."""

from __future__ import annotations

import functools
import platform
import subprocess
from pathlib import Path
from typing import Any

import platform_assets
from platform_assets.adapters import part_format
from platform_assets.installed import version_of

_ENGINES = ("polars", "pyarrow", "duckdb", "jsonschema-rs")


def code_identity(revision: str | None, image: str | None) -> dict[str, Any]:
    """Return the identity; a revision that the settings do not give is asked of the checkout."""
    return {
        "package": f"platform-assets {platform_assets.__version__}",
        "revision": revision or _checkout_revision(),
        "image": image,
        "engines": {
            "python": platform.python_version(),
            "part_format": str(part_format.VERSION),
            **{name.replace("-", "_"): version_of(name) for name in _ENGINES},
        },
    }


@functools.cache
def _checkout_revision() -> str | None:
    root = Path(platform_assets.__file__).parents[1]
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command on our own checkout
            ["git", "-C", str(root), "rev-parse", "HEAD"],  # noqa: S607 - git as the user has it
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
