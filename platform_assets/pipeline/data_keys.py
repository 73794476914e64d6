"""Data keys of strict products: where they stand, wrapped, and for whom they open.

1. What a run lands and admits for strict products is encrypted under one key of the run. It stands in
   the run's `staging_key.json`, wrapped by the staging key.
2. Each generation of a strict product has a key of its own. It stands in the claim of the generation,
   wrapped by the staging key, for whoever certifies it and whoever finishes an interrupted build.
3. A PASS certificate releases the generation's key: it holds it wrapped by the release key. Nothing
   else does, and a FAIL certificate holds none.

Each is wrapped for exactly what it is: the stage, the run, the product, the generation, the digest of
the manifest and, where it is released, that of the policy.
"""

from __future__ import annotations

import base64
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from platform_assets.adapters.data_key import DataKey
from platform_assets.canonical import digest
from platform_assets.errors import KeyInvalid, RecordConflict
from platform_assets.pipeline import layout
from platform_assets.pipeline.records import read_record, write_record
from platform_assets.ports.keys import Wrapped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_assets.identifiers import RunId
    from platform_assets.pipeline.platform import Platform
    from platform_assets.ports.keys import WrappingKey

    Context = dict[str, str]


def made_staging_key(platform: Platform, run: RunId) -> DataKey | None:
    """Return the key of a run's landing and admission, made on first use; None where none is needed.

    Raises:
        KeyMissing, KeyDenied, KeyInvalid, KeyServiceUnreachable: the staging key does not serve.
    """
    if not platform.run_configuration(run).declaration.strict:
        return None
    path = layout.staging_key_path(run)
    if not platform.store.exists(path):
        record: dict[str, Any] = {
            "record": "staging_key",
            "version": 1,
            "run_id": str(run),
            "config_digest": platform.anchors(run)["config_digest"],
        }
        record["key"] = _wrapped(platform.staging_key, DataKey.new(), _of_run(record))
        with suppress(RecordConflict):  # another process made one meanwhile, and that one counts
            write_record(platform.store, path, record)
    return staging_key(platform, run)


def staging_key(platform: Platform, run: RunId) -> DataKey | None:
    """Return the key of a run's landing and admission, None where nothing there is encrypted.

    Raises:
        RecordMissing: the record of the key is not there.
        KeyMissing, KeyDenied, KeyInvalid, KeyServiceUnreachable: the staging key does not serve.
    """
    if not platform.run_configuration(run).declaration.strict:
        return None
    record = read_record(platform.store, layout.staging_key_path(run), "staging_key")
    return run_key(platform, record)


def run_key(platform: Platform, record: Mapping[str, Any]) -> DataKey:
    """Return the key of a run's landing and admission from its record.

    Raises:
        KeyMissing, KeyDenied, KeyInvalid, KeyServiceUnreachable: the staging key does not serve.
    """
    return _unwrapped(platform.staging_key, record["key"], _of_run(record))


def claimed(platform: Platform, key: DataKey, manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the key of a generation as its claim holds it."""
    return _wrapped(platform.staging_key, key, _of_generation(manifest, digest(manifest)))


def claimed_key(platform: Platform, claim: Mapping[str, Any]) -> DataKey:
    """Return the key of a generation from its claim, for who builds or certifies it.

    Raises:
        KeyMissing, KeyDenied, KeyInvalid, KeyServiceUnreachable: the staging key does not serve.
    """
    if "key" not in claim:
        raise KeyInvalid(
            f"claim of generation {claim['generation']} of {claim['product']} of {claim['run_id']}",
            expected="the wrapped key of a strict product",
            found="a claim without a key",
            remedy="Build the product again, which makes a new generation: platform-assets "
            f"materialize {claim['product']} --run {claim['run_id']}",
        )
    context = _of_generation(claim, claim["manifest_digest"])
    return _unwrapped(platform.staging_key, claim["key"], context)


def released(platform: Platform, key: DataKey, certificate: Mapping[str, Any]) -> dict[str, str]:
    """Return the key of a generation as the certificate that releases it holds it.

    Raises:
        RuntimeError: the certificate does not say PASS.
    """
    if certificate["verdict"] != "PASS":
        raise RuntimeError(f"a certificate that says {certificate['verdict']} releases nothing")
    return _wrapped(platform.release_key, key, _of_release(certificate))


def released_key(platform: Platform, certificate: Mapping[str, Any]) -> DataKey:
    """Return the key that a certificate releases, for who reads.

    Raises:
        KeyMissing, KeyDenied, KeyInvalid, KeyServiceUnreachable: the release key does not serve.
    """
    return _unwrapped(platform.release_key, certificate["release"], _of_release(certificate))


def _of_run(named: Mapping[str, Any]) -> Context:
    return {
        "stage": "staging",
        "run_id": named["run_id"],
        "config_digest": named["config_digest"],
    }


def _of_generation(named: Mapping[str, Any], manifest_digest: str) -> Context:
    return {
        "stage": "staging",
        "run_id": named["run_id"],
        "product": named["product"],
        "generation": str(named["generation"]),
        "manifest_digest": manifest_digest,
    }


def _of_release(certificate: Mapping[str, Any]) -> Context:
    return {
        **_of_generation(certificate, certificate["manifest_digest"]),
        "stage": "release",
        "policy_digest": certificate["policy_digest"],
    }


def _wrapped(wrapping_key: WrappingKey, key: DataKey, context: Context) -> dict[str, str]:
    wrapped = wrapping_key.wrap(key.secret, context)
    return {
        "key_id": key.key_id,
        "wrapping_key": wrapped.wrapping_key,
        "wrapped": base64.b64encode(wrapped.data).decode(),
    }


def _unwrapped(wrapping_key: WrappingKey, entry: Mapping[str, str], context: Context) -> DataKey:
    thing = f"wrapped key of {', '.join(f'{name} {value}' for name, value in context.items())}"
    try:
        wrapped = Wrapped(entry["wrapping_key"], base64.b64decode(entry["wrapped"], validate=True))
        key = DataKey(wrapping_key.unwrap(wrapped, context))
    except ValueError as error:  # no base64, or no key of that length
        raise _not_that_key(thing, entry, "something else") from error
    if key.key_id != entry["key_id"]:
        raise _not_that_key(thing, entry, f"the key {key.key_id}")
    return key


def _not_that_key(thing: str, entry: Mapping[str, str], found: str) -> KeyInvalid:
    return KeyInvalid(
        thing,
        expected=f"the key {entry['key_id']}",
        found=found,
        remedy="Restore the record from a copy, or from exported evidence.",
    )
