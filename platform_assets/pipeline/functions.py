"""Functions that a user names in YAML as ``module:function``.

Modules are found on the Python path, then in the platform home, so that a consumer can stand beside
the declaration that names it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from platform_assets.declarations.functions import use_home
from platform_assets.errors import DeclarationInvalid
from platform_assets.flow.secret_scan import without_known
from platform_assets.pipeline.withheld_output import secrets_withheld

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def load_function(
    reference: str, home: Path, secrets: frozenset[str] = frozenset()
) -> Callable[..., Any]:
    """Return the function; what its module prints or raises while it is imported shows no secret.

    Raises:
        DeclarationInvalid: the module cannot be loaded or has no such function.
    """
    module_name, _, name = reference.partition(":")
    use_home(home)
    try:
        with secrets_withheld(secrets):
            function = getattr(importlib.import_module(module_name), name)
    except (Exception, SystemExit) as error:  # a module may do anything while it is imported
        raise DeclarationInvalid(
            f"function {reference}",
            expected=f"a function importable from the Python path or from {home}",
            found=without_known(f"{type(error).__name__}: {error}", secrets),
            remedy="Write it as module:function and put the module into the platform home.",
        ) from error
    if not callable(function):
        raise DeclarationInvalid(
            f"function {reference}",
            expected="something that can be called",
            found=type(function).__name__,
            remedy="Name a function.",
        )
    return function  # type: ignore[no-any-return]
