"""Secrets of every kind, planted where a home may have them, and a search of everything it leaves.

The home is Dagster's test shop. Its consumer knows every secret and prints and raises it, as careless
code does.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from platform_assets.flow.secret_scan import spellings
from platform_assets_tests.orchestration.shop_home import append, good_window, make_shop, redeclare

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Where secrets may stand as they are: what the tests wrote there themselves.
_PLANTED = ("keys/", "shop_functions.py")

_ANNOUNCE = """\
  announce:
    topic: ready
    source:
      kind: kafka
      bootstrap: ["127.0.0.1:9"]
      timeout_seconds: 1
      tls: {}
      sasl:
        mechanism: PLAIN
        username: {env: SHOP_USER}
        password: {file: keys/password}
  products:
"""
_CARELESS = """
import os, sys, logging
import polars as pl


def known():
    with open(os.environ["SHOP_HOME"] + "/keys/password") as file:
        yield file.read().strip()
    for name in os.environ["SHOP_SECRETS"].split(","):
        yield os.environ[name]


def totals(inputs, parameters):
    for value in known():
        print("looking at", value)
        print(repr(value), {"password": value}, file=sys.stderr)
        sys.stdout.write(value[: len(value) // 2])
        sys.stdout.write(value[len(value) // 2 :])
        logging.warning("with %s", value)
    if os.environ.get("SHOP_RAISES"):
        raise ValueError("cannot use " + " and ".join(known()))
    return inputs["orders"].select(scope=pl.lit("all"), cents=pl.col("cents").sum().cast(pl.Int64))


def refund_rate(inputs, parameters):
    print("\\n".join(known()))
    return inputs["totals"].select("scope", "cents")


def careless_check(frame, parameters):
    raise RuntimeError(f"tried {list(known())}")
"""


@dataclass(frozen=True)
class Planted:
    """A home and the secrets that it knows, by name."""

    home: Path
    values: Mapping[str, str]

    def found(self, *printed: str) -> list[str]:
        """Return where any of them stands, in whatever spelling: files, databases, what was printed."""
        hits = []
        for where, data in (
            *_kept(self.home),
            *((f"output {n}", p.encode()) for n, p in enumerate(printed)),
        ):
            hits += [
                f"{name} in {where}"
                for name, value in self.values.items()
                if any(form in data for form in spellings(value))
            ]
        return hits


def plant(home: Path) -> tuple[Planted, dict[str, str]]:
    """Make the home, and return it with the environment in which it has to be used."""
    make_shop(home)
    (home / "keys").mkdir(exist_ok=True)
    password = f"from/a+file {secrets.token_hex(9)}"
    (home / "keys" / "password").write_text(password + "\n")
    private, public = _key_pair()
    (home / "keys" / "trusted").mkdir()
    (home / "keys" / "trusted" / "shop.pem").write_text(public)
    environment = {
        "SHOP_SIGNING": private,
        "SHOP_TOKEN": f"tok en'{secrets.token_urlsafe(18)}",
        "SHOP_URL": f"https://reader:{secrets.token_hex(12)}@db.example.org/shop?a=<b>",
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20),
        "AWS_SESSION_TOKEN": secrets.token_urlsafe(60),
    }
    (home / "platform.yaml").write_text(
        "keys: {signing_env: SHOP_SIGNING}\n"
        "secrets: [SHOP_TOKEN, SHOP_URL, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN]\n"
    )
    (home / "shop_functions.py").write_text(_CARELESS)
    redeclare(home, "  products:\n", _ANNOUNCE)
    append(home, good_window(0))
    planted = Planted(home, {**environment, "the password file": password})
    names = ",".join(environment)
    return planted, {
        **environment,
        "SHOP_USER": "the-shop",
        "SHOP_HOME": str(home),
        "SHOP_SECRETS": names,
    }


def _kept(home: Path) -> Iterator[tuple[str, bytes]]:
    for folder, _, files in os.walk(home):
        for name in files:
            path = Path(folder, name)
            where = path.relative_to(home).as_posix()
            if where.startswith(_PLANTED):
                continue
            yield where, path.read_bytes()
            if path.suffix == ".db":
                yield f"{where} (decoded)", _decoded(path)


def _decoded(path: Path) -> bytes:
    """Return every value of every table: a page of the file may end in the middle of one."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        tables = [
            row[0] for row in database.execute("select name from sqlite_master where type='table'")
        ]
        rows = (row for table in tables for row in database.execute(f'select * from "{table}"'))  # noqa: S608
        return "\n".join(str(value) for row in rows for value in row).encode()


def _key_pair() -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()
