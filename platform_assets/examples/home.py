"""Makes a platform home: settings, feeds, contracts, file logs and the files that ``dg`` wants.

A home is the user's. Whatever exists is left as it is; only what is missing is added, so making a home
twice, or again after a crash, is harmless. A folder that holds other things is refused, because it
is not for this command to mix its files with them. The settings file is written first: from then on
the folder is a home.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from platform_assets.adapters.object_address import is_address, parse_address
from platform_assets.errors import SettingsInvalid, UnknownThing
from platform_assets.examples import EXAMPLES
from platform_assets.examples.earthquakes import log as earthquakes_log
from platform_assets.examples.payments import generator as payments_log
from platform_assets.resources import schemas_folder
from platform_assets.settings import SETTINGS_FILE, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_HERE = Path(__file__).parent
_OWN_FILES = _HERE / "home_files"
_DG_FILES = _HERE.parent / "orchestration" / "home"
_LOG_WRITERS: dict[str, Callable[[Path], object]] = {
    "earthquakes": earthquakes_log.write_log,
    "payments": payments_log.write_log,
}


def create_home(
    directory: Path, examples: Sequence[str] = EXAMPLES, *, store: str | None = None
) -> list[Path]:
    """Make the home, or add to it what is missing, and return what was added.

    Args:
        directory: the home.
        examples: the feeds to make in it.
        store: where a new home keeps its records: a folder, or the address of a bucket.

    Raises:
        SettingsInvalid: the folder holds other things than a home, or cannot be written; the store is
            no such address, or the home keeps its records elsewhere already.
        UnknownThing: there is no such example.
    """
    _check_examples(examples)
    _check_directory(directory)
    if store is not None:
        _check_store(directory, store)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        added = [
            directory / name
            for name, source in _files(examples)
            if _add(directory / name, _content(name, source, store))
        ]
        for example in examples:
            log = directory / "data" / example
            if not log.exists():
                _LOG_WRITERS[example](log)
                added.append(log)
    except OSError as error:
        raise _unusable(directory, "a folder that can be written", str(error)) from error
    return added


def _files(examples: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Yield every file of a home, with what it is copied from; the settings first."""
    yield SETTINGS_FILE, _OWN_FILES / "platform.yaml"
    yield "README.md", _OWN_FILES / "README.md"
    # Under its real name the file would also apply to the folder of templates.
    yield ".gitignore", _OWN_FILES / "gitignore"
    for source in sorted(path for path in _DG_FILES.rglob("*") if path.is_file()):
        yield source.relative_to(_DG_FILES).as_posix(), source
    for example in examples:
        yield f"defs/{example}/defs.yaml", _HERE / example / "defs.yaml"
        contracts = schemas_folder() / "events" / example
        for source in sorted(contracts.glob("*.json")):
            yield f"schemas/events/{example}/{source.name}", source


def _content(name: str, source: Path, store: str | None) -> bytes:
    data = source.read_bytes()
    if name != SETTINGS_FILE or store is None:
        return data
    return data.replace(b"\nstore: store ", f"\nstore: {json.dumps(store)} ".encode(), 1)


def _check_store(directory: Path, store: str) -> None:
    if is_address(store):
        parse_address(store)
    if not (directory / SETTINGS_FILE).exists():
        return
    standing = load_settings(directory).store
    if standing != store:
        raise SettingsInvalid(
            f"store of {directory}",
            expected=f"a new home, or one that keeps its records in {store}",
            found=f"one that keeps them in {standing}",
            remedy="Make another home. Records are not moved; a run is closed where it was pinned.",
        )


def _add(path: Path, data: bytes) -> bool:
    """Write a file whole unless there is one already; tell whether it was written."""
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.{os.getpid()}.partial")
    staged.write_bytes(data)
    try:
        os.link(staged, path)  # unlike a rename, this never replaces a file that came meanwhile
    except FileExistsError:
        return False
    finally:
        staged.unlink()
    return True


def _check_directory(directory: Path) -> None:
    if directory.is_dir():
        # `dagster dev` in a checkout makes the instance's folder, also before there is a home
        others = sorted(path.name for path in directory.iterdir() if path.name != "dagster")
        if others and SETTINGS_FILE not in others:
            found = f"one with {', '.join(others[:3])}{' and more' if len(others) > 3 else ''}"  # noqa: PLR2004
            raise _unusable(directory, f"a new or empty folder, or one with {SETTINGS_FILE}", found)
    elif directory.exists() or directory.is_symlink():
        raise _unusable(directory, "a folder", "something else")


def _unusable(directory: Path, expected: str, found: str) -> SettingsInvalid:
    return SettingsInvalid(
        str(directory),
        expected=expected,
        found=found,
        remedy="Name another folder: platform-assets init DIR",
    )


def _check_examples(examples: Sequence[str]) -> None:
    for example in examples:
        if example not in EXAMPLES:
            raise UnknownThing(
                f"example {example}",
                expected=f"one of {', '.join(EXAMPLES)}",
                found=repr(example),
                remedy="Take one of these, or leave the examples out.",
            )
