"""An encrypted part opens whole, unchanged and in its place, or not at all."""

from __future__ import annotations

import hashlib
import pickle
import stat
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_assets.adapters import part_encryption
from platform_assets.adapters.data_key import DataKey
from platform_assets.adapters.part_encryption import Undecryptable, decrypt_part, encrypt_part
from platform_assets.ports.part_files import PartFile, Plaintext

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CHUNK = 32
HEADER, TAG = 52, 16
PLACE = "runs/shop-00000001/products/orders/0001/part-00000"
KEY = DataKey(bytes(range(32)))


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_encryption, "CHUNK_BYTES", CHUNK)


def _part(folder: Path, data: bytes, name: str = "part-00000.parquet") -> PartFile:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(data)
    return PartFile(name, folder / name, len(data), hashlib.sha256(data).hexdigest(), rows=1)


def _encrypt(folder: Path, data: bytes, *, key: DataKey = KEY, place: str = PLACE) -> PartFile:
    target = folder / f"sealed-{len(list(folder.glob('sealed-*'))) if folder.exists() else 0}"
    return encrypt_part(_part(folder, data), target, key, place)


def _decrypt(
    folder: Path, sealed: bytes, held: Plaintext, *, key: DataKey = KEY, place: str = PLACE
) -> bytes:
    (folder / "stored").write_bytes(sealed)
    out = folder / "plain"
    out.unlink(missing_ok=True)
    try:
        decrypt_part(folder / "stored", out, key, place, held)
    except Undecryptable:
        assert not out.exists()  # nothing of a part that does not open whole stays
        raise
    return out.read_bytes()


def _data(size: int) -> bytes:
    return hashlib.shake_256(b"rows").digest(size)


@pytest.mark.parametrize(
    "size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1, 10 * CHUNK - 1]
)
def test_a_part_comes_back_as_it_was(tmp_path: Path, size: int) -> None:
    data = _data(size)
    part = _encrypt(tmp_path, data)
    sealed = part.path.read_bytes()
    assert part.plaintext is not None
    assert _decrypt(tmp_path, sealed, part.plaintext) == data
    assert (part.size, part.sha256) == (len(sealed), hashlib.sha256(sealed).hexdigest())
    chunks = max(1, -(-size // CHUNK))
    assert len(sealed) == HEADER + size + chunks * TAG


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=5 * CHUNK))
def test_any_bytes_come_back(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    part = _encrypt(folder, data)
    assert part.plaintext is not None
    assert _decrypt(folder, part.path.read_bytes(), part.plaintext) == data


def test_i05_the_same_part_under_the_same_key_is_the_same_file(tmp_path: Path) -> None:
    first, second = (_encrypt(tmp_path / name, _data(100)) for name in ("a", "b"))
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.sha256 == second.sha256


def test_one_changed_byte_of_plaintext_another_place_or_key_share_no_chunk(tmp_path: Path) -> None:
    """A key that met two plaintexts with one nonce would give both away."""
    data = _data(4 * CHUNK)
    other_end = data[:-1] + bytes([data[-1] ^ 1])
    stored = [
        _encrypt(tmp_path / name, plain, key=key, place=place).path.read_bytes()[HEADER:]
        for name, plain, key, place in (
            ("as it is", data, KEY, PLACE),
            ("other end", other_end, KEY, PLACE),
            ("other place", data, KEY, PLACE + "1"),
            ("other key", data, DataKey.new(), PLACE),
        )
    ]
    chunks = [s[at : at + 8] for s in stored for at in range(0, len(s), CHUNK + TAG)]
    assert len(set(chunks)) == len(chunks) == 16


def test_every_changed_byte_is_refused(tmp_path: Path) -> None:
    part = _encrypt(tmp_path, _data(3 * CHUNK + 5))
    sealed = part.path.read_bytes()
    assert part.plaintext is not None
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 0x01
        with pytest.raises(Undecryptable):
            _decrypt(tmp_path, bytes(changed), part.plaintext)


def test_every_shorter_file_is_refused_and_every_longer_one(tmp_path: Path) -> None:
    part = _encrypt(tmp_path, _data(2 * CHUNK))
    sealed = part.path.read_bytes()
    assert part.plaintext is not None
    for size in range(len(sealed)):
        with pytest.raises(Undecryptable):
            _decrypt(tmp_path, sealed[:size], part.plaintext)
    for more in (b"\0", sealed[-CHUNK - TAG :], sealed):
        with pytest.raises(Undecryptable, match="after the last chunk"):
            _decrypt(tmp_path, sealed + more, part.plaintext)


def _swapped(chunks: list[bytes]) -> list[bytes]:
    return [chunks[1], chunks[0], *chunks[2:]]


def _repeated(chunks: list[bytes]) -> list[bytes]:
    return [chunks[0], chunks[0], *chunks[2:]]


def _last_first(chunks: list[bytes]) -> list[bytes]:
    return [chunks[-1], *chunks[:-1]]


@pytest.mark.parametrize("change", [_swapped, _repeated, _last_first])
def test_chunks_in_another_order_are_refused(
    tmp_path: Path, change: Callable[[list[bytes]], list[bytes]]
) -> None:
    part = _encrypt(tmp_path, _data(3 * CHUNK))
    sealed = part.path.read_bytes()
    chunks = [sealed[at : at + CHUNK + TAG] for at in range(HEADER, len(sealed), CHUNK + TAG)]
    assert len(chunks) == 3
    assert part.plaintext is not None
    with pytest.raises(Undecryptable, match="does not authenticate"):
        _decrypt(tmp_path, sealed[:HEADER] + b"".join(change(chunks)), part.plaintext)


def test_a_whole_number_of_chunks_cannot_pass_for_a_shorter_part(tmp_path: Path) -> None:
    """Even under the very key of the part: what is not the last chunk is not taken for it."""
    long, short = _data(3 * CHUNK), _data(2 * CHUNK)
    part, other = _encrypt(tmp_path / "long", long), _encrypt(tmp_path / "short", short)
    assert other.plaintext is not None
    cut = other.path.read_bytes()[:HEADER] + part.path.read_bytes()[HEADER : -CHUNK - TAG]
    with pytest.raises(Undecryptable, match="chunk 0 does not authenticate"):
        _decrypt(tmp_path, cut, other.plaintext)


def test_a_part_of_another_place_key_or_plaintext_is_refused(tmp_path: Path) -> None:
    part = _encrypt(tmp_path, _data(100))
    sealed, held = part.path.read_bytes(), part.plaintext
    assert held is not None
    with pytest.raises(Undecryptable, match="another part"):
        _decrypt(tmp_path, sealed, held, place=PLACE.replace("0001", "0002"))
    with pytest.raises(Undecryptable, match="another part"):
        _decrypt(tmp_path, sealed, held, key=DataKey.new())
    with pytest.raises(Undecryptable, match="another part"):
        _decrypt(tmp_path, sealed, Plaintext(held.size, "0" * 64))
    with pytest.raises(Undecryptable, match="another part"):
        _decrypt(tmp_path, sealed, Plaintext(held.size - 1, held.sha256))
    with pytest.raises(Undecryptable, match="no encrypted part"):
        _decrypt(tmp_path, b"PAR1" + sealed[4:], held)


def test_a_part_that_changes_while_it_is_encrypted_is_not_written(tmp_path: Path) -> None:
    part = _part(tmp_path, _data(100))
    for other in (_data(101), bytes(100)):
        part.path.write_bytes(other)
        with pytest.raises(OSError, match="changed while it was encrypted"):
            encrypt_part(part, tmp_path / "sealed", KEY, PLACE)
        assert not (tmp_path / "sealed").exists()


def test_plaintext_is_for_its_owner_alone(tmp_path: Path) -> None:
    part = _encrypt(tmp_path, _data(10))
    assert part.plaintext is not None
    _decrypt(tmp_path, part.path.read_bytes(), part.plaintext)
    assert stat.S_IMODE((tmp_path / "plain").stat().st_mode) == 0o600


def test_a_large_part_takes_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_encryption, "CHUNK_BYTES", 1024**2)
    part = _part(tmp_path, _data(24 * 1024**2))
    tracemalloc.start()
    sealed = encrypt_part(part, tmp_path / "sealed", KEY, PLACE)
    assert sealed.plaintext is not None
    decrypt_part(sealed.path, tmp_path / "plain", KEY, PLACE, sealed.plaintext)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * 1024**2


def test_a_data_key_neither_prints_nor_pickles() -> None:
    key = DataKey.new()
    assert key.secret.hex() not in f"{key!r} {key}"
    assert key.key_id not in key.secret.hex()
    with pytest.raises(TypeError):
        pickle.dumps(key)
    with pytest.raises(ValueError, match="32 bytes"):
        DataKey(b"short")
