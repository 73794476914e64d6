"""Whether a function that a user names in YAML is there, told without running any of the user's code.

Modules are found as they will be when the function is called: on the Python path, then in the platform
home. Only the module's source is read. What a module makes at run time (a star import, a
``__getattr__``, an extension) cannot be told from its source; it is looked for when it is called.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
import threading
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

from platform_assets.declarations.mistakes import suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator


#: Every home that was put on the path, also where somebody put it back after it was taken off.
_homes_used: set[str] = set()
#: The import system's caches may be emptied by one thread at a time only.
_PATHS = threading.Lock()
_OURS = __name__.partition(".")[0]
_PARSING = threading.Lock()  # CPython 3.11 loses count when threads build syntax trees at once


def use_home(home: Path) -> None:
    """Let modules be found in this home, after the Python path, and in no other home any more.

    Two homes may have modules of one name; without this the first one imported would serve both.
    """
    with _PATHS:
        others = _homes_used - {str(home)}
        if others.intersection(sys.path):
            sys.path[:] = [path for path in sys.path if path not in others]
            folders = tuple(f"{other}{os.sep}" for other in others)
            for name, module in list(sys.modules.items()):
                if (getattr(module, "__file__", None) or "").startswith(folders):
                    del sys.modules[name]
        if str(home) not in sys.path:
            sys.path.append(str(home))
            _homes_used.add(str(home))
        importlib.invalidate_caches()


def forget_modules(home: Path) -> None:
    """Let the modules of a home be imported anew when they are next used, because files changed.

    Those are meant that stand in the home itself, as a file or a package; not what is installed below.
    """
    with _PATHS:
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            first = name.partition(".")[0]
            if file and first != _OURS and _stands_in(home, first, Path(file)):
                del sys.modules[name]
        importlib.invalidate_caches()


def _stands_in(home: Path, first: str, file: Path) -> bool:
    return file == home / f"{first}.py" or file.is_relative_to(home / first)


def function_problem(reference: str, home: Path) -> str | None:
    """Return what is wrong with ``module:function``, None where nothing can be said against it."""
    use_home(home)
    module, _, name = reference.partition(":")
    spec = _find(module)
    if spec is None:
        return f"module {module} is neither on the Python path nor in {home}"
    if spec.origin is None or not spec.origin.endswith(".py"):
        return None if spec.origin else f"{module} is a folder without __init__.py, not a module"
    source = Path(spec.origin)
    try:
        with _PARSING:
            tree = ast.parse(source.read_bytes(), filename=str(source))
    except SyntaxError as error:
        return f"{source}:{error.lineno or 1}: {error.msg}"
    except (OSError, ValueError) as error:
        return f"{source} cannot be read: {error}"
    names = set(_names(tree.body))
    if name in names or "*" in names or "__getattr__" in names:
        return None
    return f"{source} has no {name}{suggestion(name, names)}"


def _find(module: str) -> ModuleSpec | None:
    first, *inner = module.split(".")
    try:
        spec = importlib.util.find_spec(first)
    except (ImportError, ValueError):  # a module that was loaded without a specification
        spec = PathFinder.find_spec(first)
    found = first
    for name in inner:
        if spec is None or spec.submodule_search_locations is None:
            return None
        found = f"{found}.{name}"
        spec = PathFinder.find_spec(found, list(spec.submodule_search_locations))
    return spec


def _names(body: list[ast.stmt]) -> Iterator[str]:
    """Yield the names that a module's statements bind, also inside `if` and `try`."""
    for statement in body:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield statement.name
            case ast.Import() | ast.ImportFrom():
                for alias in statement.names:
                    yield alias.asname or alias.name.partition(".")[0]
            case ast.Assign():
                yield from (node.id for node in ast.walk(statement) if isinstance(node, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.If() | ast.Try() | ast.With() | ast.For() | ast.While():
                for field in ("body", "orelse", "finalbody"):
                    yield from _names(getattr(statement, field, []))
                for handler in getattr(statement, "handlers", []):
                    yield from _names(handler.body)
