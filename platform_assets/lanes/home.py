"""Makes the home that a lane puts under load: a feed as it is declared, on places of its own.

Of the feed's declaration only these are replaced: where its records come from (source, topics, and the
position to begin at, which belongs to a topic), where it is announced to, how large its windows are,
and which engine works. Contracts, checks, products, consumers and functions are copied as they stand.
The copy is read back and held against the original, so that nothing else can differ.

Every topic has the lane run's id and a random part in its name, and so has every store outside the
lane's own folder: nothing that a lane sends or writes can be taken for production's, or for another
lane's. A store or a log that overlaps with one of the home in use is refused.
"""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from platform_assets.adapters.object_address import is_address, parse_address
from platform_assets.declarations.loading import FEED_COMPONENT, load_feeds
from platform_assets.declarations.sources import FileLogSource
from platform_assets.errors import SettingsInvalid, UnknownThing
from platform_assets.lanes.feed import FEED, feed_folder
from platform_assets.resources import schemas_folder
from platform_assets.settings import SETTINGS_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from platform_assets.declarations import FeedDeclaration
    from platform_assets.identifiers import LaneRunId
    from platform_assets.lanes.plan import LanePlan, Target
    from platform_assets.pipeline import Platform

_DAGSTER_FILES = Path(__file__).parent.parent / "orchestration" / "home"

#: Settings that say what the code is and how it behaves, and not where it works.
_KEPT_SETTINGS = {"spark", "secrets", "claim_ttl_seconds", "revision", "image"}
_WINDOW = {"max_records", "max_age_seconds", "max_open_runs"}
#: A window of a probe is not cut by its bytes: this is more than any disk has.
_NO_MOST_BYTES = 2**50
_REPLACED: dict[str, Any] = {
    "source": True,
    "announce": True,
    "window": _WINDOW | {"max_bytes"},
    "streams": {"__all__": {"source", "topic", "start", "engine"}},
    "products": {"__all__": {"engine"}},
}


def make_lane_home(plan: LanePlan, in_use: Platform, folder: Path, run: LaneRunId) -> Path:
    """Make the platform home of a lane in a new folder, and return it.

    Args:
        plan: the resolved plan.
        in_use: the home whose feed is copied, and whose places are left alone.
        folder: the home to be made; it must not exist.
        run: the lane run, whose id stands in every name outside the folder.

    Raises:
        UnknownThing: there is no such feed, or no such stream in it.
        SettingsInvalid: the target's store or log is, or overlaps with, one of the home in use.
    """
    target, mark = plan.target, f"{run}-{secrets.token_hex(3)}"
    store = _store(target, folder, mark)
    _refuse_production(in_use, folder, target, store)
    declared, document, schemas = _feed(in_use, target.feed)
    if plan.workload.stream not in declared.streams:
        raise _unknown(f"stream {plan.workload.stream} of feed {target.feed}", declared.streams)
    defs = folder / "defs" / target.feed / "defs.yaml"
    defs.parent.mkdir(parents=True)
    lane = {"type": FEED_COMPONENT, "attributes": _redeclared(document, declared, plan, mark)}
    defs.write_text(yaml.safe_dump(lane, sort_keys=False, allow_unicode=True), encoding="utf-8")
    shutil.copytree(schemas, folder / "schemas" / "events")
    _copy_modules(in_use, folder)
    _link_credentials(in_use.home, folder, target)
    if target.runner == "dagster":
        shutil.copytree(_DAGSTER_FILES, folder, dirs_exist_ok=True)
    settings = in_use.settings.model_dump(mode="json", include=_KEPT_SETTINGS, exclude_unset=True)
    settings |= {
        "store": store,
        "object_store": target.object_store.model_dump(mode="json"),
        "memory_budget": int(target.memory_budget),
        "cores": target.cores,
    }
    (folder / SETTINGS_FILE).write_text(yaml.safe_dump(settings), encoding="utf-8")
    _require_the_same(declared, load_feeds(folder / "defs")[target.feed][0])
    return folder


def _feed(in_use: Platform, name: str) -> tuple[FeedDeclaration, dict[str, Any], Path]:
    """Return a feed's declaration, its attributes as written, and the folder of its contracts."""
    defs, schemas = in_use.home / in_use.settings.defs, in_use.home / in_use.settings.schemas
    if name not in in_use.feeds:
        if name != FEED:
            raise _unknown(f"feed {name}", [*in_use.feeds, FEED])
        defs, schemas = feed_folder(), schemas_folder() / "events"
    declared, document = load_feeds(defs)[name]
    return declared, document.value["attributes"], schemas


def _redeclared(
    attributes: dict[str, Any], declared: FeedDeclaration, plan: LanePlan, mark: str
) -> dict[str, Any]:
    """Return the attributes of a feed with the places of the target, its windows and its engine."""
    target = plan.target
    source = target.source.model_dump(mode="json", exclude_none=True)
    streams = {}
    for name, stream in attributes["streams"].items():
        topic = {"topic": f"{mark}-{name}", "start": "earliest", "engine": target.engine}
        streams[name] = {key: value for key, value in stream.items() if key != "source"} | topic
    products = {
        name: product | {"engine": target.engine}
        for name, product in attributes["products"].items()
    }
    window = {name: getattr(target, name) for name in sorted(_WINDOW)}
    if plan.doubling is not None:
        window["max_bytes"] = _NO_MOST_BYTES
    changed = attributes | {
        "source": source,
        "streams": streams,
        "products": products,
        "window": (attributes.get("window") or {}) | window,
    }
    if declared.announce is not None:
        changed["announce"] = {"source": source, "topic": f"{mark}-announced"}
    return changed


def _store(target: Target, folder: Path, mark: str) -> str:
    """Return the store's place: within the lane's folder as it is, elsewhere in a folder of its own."""
    if is_address(target.store):
        return f"{str(parse_address(target.store)).rstrip('/')}/{mark}"
    within = (folder / target.store).resolve().is_relative_to(folder.resolve())
    return target.store if within else str((folder / target.store).resolve() / mark)


def _refuse_production(in_use: Platform, folder: Path, target: Target, store: str) -> None:
    """Refuse places that belong to the home in use.

    Raises:
        SettingsInvalid: the store or the log overlaps with one of them.
    """
    production = in_use.settings.store
    if is_address(store) and is_address(production):
        ours, theirs = parse_address(store), parse_address(production)
        beside = (ours.scheme, ours.bucket) != (theirs.scheme, theirs.bucket)
        if not beside and _overlap(Path("/") / ours.prefix, Path("/") / theirs.prefix):
            raise _production(f"store {target.store}", production)
    logs = set(_logs(in_use)) | {in_use.home / "data"}
    places = [(in_use.home / production, "store")] if not is_address(production) else []
    places += [(path, "data") for path in sorted(logs)]
    wanted = [] if is_address(store) else [(folder / store, f"store {target.store}")]
    if isinstance(target.source, FileLogSource):
        wanted.append((folder / target.source.path, f"source {target.source.path}"))
    for path, thing in wanted:
        for place, kind in places:
            if _overlap(path.resolve(), place.resolve()):
                raise _production(thing, f"{place}, where the home in use has its {kind}")


def _logs(in_use: Platform) -> Iterator[Path]:
    for feed in in_use.feeds.values():
        for source in feed.sources():
            if isinstance(source, FileLogSource):
                yield in_use.home / source.path


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def _copy_modules(in_use: Platform, folder: Path) -> None:
    """Copy the home's Python modules and packages, in which functions of the feed are found."""
    own = {Path(in_use.settings.defs).parts[0], "lanes"}
    for path in in_use.home.glob("*.py"):
        shutil.copy2(path, folder / path.name)
    for package in in_use.home.glob("*/__init__.py"):
        if package.parent.name not in own:
            shutil.copytree(package.parent, folder / package.parent.name)


def _link_credentials(home: Path, folder: Path, target: Target) -> None:
    """Link the credential files that the source refers to; no copy of a secret is made."""
    for name in sorted(set(_files_named(target.source.model_dump(exclude_none=True)))):
        if not Path(name).is_absolute():
            link = folder / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(home / name)


def _files_named(source: dict[str, Any]) -> Iterator[str]:
    for key, value in source.items():
        if isinstance(value, dict):
            yield from _files_named(value)
        elif key in {"file", "ca_file", "certificate_file", "key_file"}:
            yield value


def _require_the_same(declared: FeedDeclaration, copied: FeedDeclaration) -> None:
    kept, found = (each.model_dump(exclude=_REPLACED) for each in (declared, copied))
    if kept != found:
        raise RuntimeError(f"the lane's copy of feed {declared.feed} is not what is declared")


def _production(thing: str, found: str) -> SettingsInvalid:
    return SettingsInvalid(
        thing,
        expected="a place of the lane's own",
        found=found,
        remedy="Name another one in the lane's target; a lane touches nothing of production.",
    )


def _unknown(thing: str, known: Iterable[str]) -> UnknownThing:
    return UnknownThing(
        thing,
        expected=f"one of {', '.join(known)}",
        found="no such thing declared",
        remedy="Correct `target.feed` and `workload.stream` of the plan.",
    )
