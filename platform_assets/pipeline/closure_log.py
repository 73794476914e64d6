"""The log of closures where it stands in the store, and the home's own part in it.

The log's name is settled once, by whoever closes the first run: as the settings say, else made of the
log key's id. It stays when the key is changed. Checkpoints are signed under the key of the home that
signs them; evidence names the key that its closer had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.adapters.log_key import made_origin
from platform_assets.canonical import canonical_bytes, parse_canonical
from platform_assets.contracts.records import check_record
from platform_assets.errors import ClosureUnknown, SettingsInvalid
from platform_assets.flow.checkpoint import LogSigner
from platform_assets.flow.closure_log import Damaged, Logged, append, log_length
from platform_assets.flow.log_entries import ORIGIN_PATH, Closed
from platform_assets.flow.steps import Unclear, look, perform, settle
from platform_assets.pipeline import layout

if TYPE_CHECKING:
    from platform_assets.flow.steps import Steps
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform
    from platform_assets.pipeline.state import SealedRun


def own_log(platform: Platform) -> LogSigner:
    """Return the store's log under its name, with this home's key of it.

    Raises:
        SettingsInvalid: the key is unusable, or the settings name the log otherwise than it is named.
        ClosureUnknown: the store does not say what the log's name is.
    """
    signer = platform.log_key
    named = platform.settings.log_origin
    mine = canonical_bytes(
        {
            "record": "log_origin",
            "version": 1,
            "origin": named or made_origin(signer.public_key),
        }
    )
    standing = perform(_settled_origin(mine), platform.store, platform.clock)
    if isinstance(standing, Unclear):
        raise unclear(ORIGIN_PATH)
    origin = check_record(parse_canonical(standing, ORIGIN_PATH), ORIGIN_PATH)["origin"]
    if named is not None and named != origin:
        raise SettingsInvalid(
            f"log_origin {named}",
            expected=f"{origin}, as the log in this store has been called from its first entry",
            found="another name",
            remedy="Leave log_origin out, or name another store.",
        )
    return LogSigner(origin, signer)


def log_of_evidence(platform: Platform) -> dict[str, Any]:
    """Return what evidence says of the log: its name, this home's key, how long the log is now.

    Raises:
        SettingsInvalid, ClosureUnknown: as `own_log`.
    """
    log = own_log(platform)
    length = perform(log_length(), platform.store, platform.clock)
    if isinstance(length, Unclear):
        raise unclear("the log of closures")
    return {"origin": log.origin, "key": str(log.key), "size": length}


def enter(platform: Platform, run: RunId, sealed: SealedRun) -> Logged | Damaged | Unclear:
    """Bring a sealed run into the log, with its checkpoint and its copy; it may be there already.

    Raises:
        SettingsInvalid, ClosureUnknown: as `own_log`.
    """
    closed = Closed(
        run_id=str(run),
        config_digest=sealed.bundle["config_digest"],
        bundle_digest=sealed.bundle_digest,
        closure_folder=layout.closure_folder(run),
    )
    steps = append(closed, own_log(platform), after=sealed.bundle["log"]["size"])
    return perform(steps, platform.store, platform.clock)


def is_logged(platform: Platform, run: RunId) -> bool:
    """Tell whether a closed run came into the log: the copy of its entry stands beside its seal."""
    return platform.store.exists(f"{layout.closure_folder(run)}/log.json")


def _settled_origin(mine: bytes) -> Steps[bytes | Unclear]:
    standing = yield from look(ORIGIN_PATH)
    if standing is None:
        standing = yield from settle(ORIGIN_PATH, mine)
    return standing


def unclear(thing: str, expected: str = "to read it") -> ClosureUnknown:
    """Return the error of a store that does not say what stands in the log."""
    return ClosureUnknown(
        thing,
        expected=expected,
        found="no clear answer of the store",
        remedy="Try again when the store answers, and delete nothing.",
    )
