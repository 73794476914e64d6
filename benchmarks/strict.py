"""What encryption costs: parts en- and decrypted beside openssl, and a strict run beside its twin.

Two things. First one part of random bytes: encrypting and decrypting it, in MiB for each second of CPU,
beside `openssl speed` of the same cipher with chunks of the same size, beside SHA-256 of the same file,
and beside the least that must be done: cipher and hashes alone, one after the other, in memory. Then
whole runs: the same records with `strict: true` and without, CPU seconds a step. CPU and not wall time,
because it says the same on a busy machine.

Exits with 1 where encrypting or decrypting reaches less than 70 percent of that least.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from benchmarks import closure_home
from benchmarks.measure import measure
from benchmarks.tables import machine, print_table
from platform_assets.adapters.data_key import DataKey
from platform_assets.adapters.file_hashes import sha256_file
from platform_assets.adapters.part_encryption import CHUNK_BYTES, decrypt_part, encrypt_part
from platform_assets.ports.part_files import PartFile, Plaintext

if TYPE_CHECKING:
    from collections.abc import Callable

_MIB = 1024**2
_LEAST = 0.7
_SPEED = re.compile(r"^AES-256-GCM\s+([0-9.]+)k", re.MULTILINE)
_TEXT_BYTES, _PART_ROWS = 200, 100_000


def speeds(work: Path, size: int, repeat: int) -> dict[str, float]:
    """Return MiB for each second of CPU by what is done."""
    data = secrets.token_bytes(size)
    path = work / "part-00000.parquet"
    path.write_bytes(data)
    part = PartFile(path.name, path, size, hashlib.sha256(data).hexdigest(), 1)
    key, place = DataKey.new(), "runs/notes-00000001/products/notes/0001/part-00000"
    held = Plaintext(part.size, part.sha256)

    def encrypt() -> None:
        encrypt_part(part, work / "sealed", key, place)

    def decrypt() -> None:
        decrypt_part(work / "sealed", work / "plain", key, place, held)

    cipher = openssl_speed()
    hashing = _speed(size, repeat, lambda: sha256_file(path))
    copying = _speed(size, repeat, lambda: _copy(path, work / "copy"), work / "copy")
    return {
        "openssl aes-256-gcm": cipher,
        "sha-256 of the file": hashing,
        "reading and writing it": copying,
        "least for encrypting": 1 / (1 / cipher + 2 / hashing + 1 / copying),
        "encrypting": _speed(size, repeat, encrypt, work / "sealed"),
        "least for decrypting": 1 / (1 / cipher + 1 / hashing + 1 / copying),
        "decrypting": _speed(size, repeat, decrypt, work / "plain"),
    }


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as read, target.open("wb") as written:
        while chunk := read.read(CHUNK_BYTES):
            written.write(chunk)


def openssl_speed() -> float:
    """Return what openssl's own benchmark says of the cipher, in MiB a second of CPU on one core."""
    said = subprocess.run(
        ["openssl", "speed", "-seconds", "2", "-bytes", str(CHUNK_BYTES), "-evp", "aes-256-gcm"],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = _SPEED.search(said)
    if found is None:
        raise RuntimeError(f"openssl speed said something else:\n{said}")
    return float(found[1]) * 1000 / _MIB


def _speed(size: int, repeat: int, act: Callable[[], object], made: Path | None = None) -> float:
    taken = []
    for _ in range(repeat):
        if made is not None:
            made.unlink(missing_ok=True)
        begun = time.process_time()
        act()
        taken.append(time.process_time() - begun)
    return size / _MIB / statistics.median(taken)


def runs(work: Path, records: int) -> dict[str, dict[str, float]]:
    """Return the CPU seconds of each step of a run, strict and not."""
    found = {}
    for name, strict in (("clear", False), ("strict", True)):
        home = work / name
        closure_home.write_home(home, records=records, text_bytes=_TEXT_BYTES, part_rows=_PART_ROWS)
        path = next(home.glob("defs/*/defs.yaml"))
        document = yaml.safe_load(path.read_text())
        document["attributes"]["products"][closure_home.PRODUCT]["strict"] = strict
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        found[name] = measure("strict_run", {"home": str(home)}).steps
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=256, help="size of the part")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--records", type=int, default=1_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        measured = speeds(work, given.mib * _MIB, given.repeat)
        steps = runs(work, given.records)
    ratios = [measured[act] / measured[f"least for {act}"] for act in ("encrypting", "decrypting")]
    totals = {name: sum(each.values()) for name, each in steps.items()}
    share = (totals["strict"] - totals["clear"]) / totals["strict"]
    print_table(
        f"{given.mib} MiB in chunks of {CHUNK_BYTES // _MIB} MiB, one core: MiB for a second of CPU",
        ("what", "MiB/s"),
        [(name, f"{speed:,.0f}") for name, speed in measured.items()],
        [f"of the least: encrypting {ratios[0]:.0%}, decrypting {ratios[1]:.0%}"],
    )
    print_table(
        f"A run of {given.records:,} records: CPU seconds",
        ("step", "clear", "strict"),
        [
            (name, *(f"{of[name]:.2f}" for of in (steps["clear"], steps["strict"])))
            for name in steps["clear"]
        ]
        + [("all", *(f"{total:.2f}" for total in totals.values()))],
        [f"encryption took {share:.1%} of the CPU of the strict run", machine()],
    )
    sys.exit(1 if min(ratios) < _LEAST else 0)


if __name__ == "__main__":
    main()
