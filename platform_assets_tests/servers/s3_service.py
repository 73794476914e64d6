"""An S3 server in the foreground, at a fixed address and on data that is kept: Ceph's object gateway.

``python -m platform_assets_tests.servers.s3_service serve --port 19100 --data DIR --bucket lanes``: a
service that a lane declares for its target. Monitor, store and gateway are its children and end with
it, by SIGTERM or by SIGKILL; started again it serves what stands in the folder. The monitor has the two
ports after the gateway's. The third port after it accepts connections when all is ready, and the bucket
is there.

The key of its user is written to the file that ``AWS_SHARED_CREDENTIALS_FILE`` names, as profile
``lanes``. ``... expire --data DIR`` takes the key away, while the file goes on to hold it; ``... renew
--data DIR`` makes another one, and writes it there.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import socket
import subprocess
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from platform_assets.lanes.supervised import leashed
from platform_assets_tests.servers.ceph import gateway, settings
from platform_assets_tests.servers.processes import program
from platform_assets_tests.servers.s3 import s3_client

PROFILE = "lanes"
_USER = "lanes"
_SECONDS = 90
_STORE_BYTES = 64 << 30  # of a file with holes
#: A gateway that was killed is waited for when a key changes, until it is taken for dead. The grace is
#: six times its default: a single OSD whose read lease (0.8 of it) runs out while it is paused may
#: answer no read any more, until it is started again.
_ON_DISK = """\
osd_objectstore = bluestore
bluestore_block_size = {bytes}
osd_client_watch_timeout = 5
osd_heartbeat_grace = 120"""


def main() -> None:
    """Serve, or change the keys of the server that serves from the same folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("act", choices=("serve", "expire", "renew"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--port", type=int)
    parser.add_argument("--bucket")
    given = parser.parse_args()
    server = _Server(given.data.absolute())
    if given.act == "serve":
        server.serve(given.port, given.bucket)
    elif given.act == "expire":
        server.expire()
    else:
        server.renew()


class _Gateway(NamedTuple):
    port: int
    access_key: str
    secret_key: str
    version: str = ""

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Server:
    """What stands in a folder: a cluster that was made, its configuration, the key that counts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._configuration = folder / "ceph.conf"
        self._key = folder / "key.json"
        self._children: list[subprocess.Popen[bytes]] = []

    def serve(self, port: int, bucket: str) -> None:
        """Serve until SIGTERM."""
        signal.signal(signal.SIGTERM, _end)
        try:
            self._start(port)
            self._make_bucket(port, bucket)
            with socket.create_server(("127.0.0.1", port + 3)):
                os.wait()  # none of them is to end
        finally:
            for child in reversed(self._children):
                child.terminate()
                with suppress(subprocess.TimeoutExpired):
                    child.wait(_SECONDS)

    def expire(self) -> None:
        """Take the key away that counts now; the file goes on to hold it."""
        key = json.loads(self._key.read_text())["access_key"]
        self._run("radosgw-admin", "key", "rm", "--key-type=s3", f"--access-key={key}")

    def renew(self) -> None:
        """Make a key, and write it where clients look."""
        key = _new_key()
        pair = (f"--access-key={key['access_key']}", f"--secret-key={key['secret_key']}")
        self._run("radosgw-admin", "key", "create", f"--uid={_USER}", "--key-type=s3", *pair)
        self._keep(key)

    def _start(self, port: int) -> None:
        made = self._configuration.exists()
        ports = (port + 1, port + 2)
        if not made:
            self._format(ports)
        self._spawn("ceph-mon", "-i", "a")
        if not made:
            osd = str(uuid.uuid4())
            self._run("ceph", "--connect-timeout", str(_SECONDS), "osd", "new", osd)
            self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self._spawn("ceph-osd", "-i", "0")
        if not self._key.exists():
            user = ("user", "create", f"--uid={_USER}", f"--display-name={_USER}")
            self._run("radosgw-admin", *user)
            self.renew()
        self._spawn(*gateway(port))

    def _format(self, ports: tuple[int, int]) -> None:
        for name in ("mon", "osd", "run"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        fsid = str(uuid.uuid4())
        store = _ON_DISK.format(bytes=_STORE_BYTES)
        address = f"[v2:127.0.0.1:{ports[0]},v1:127.0.0.1:{ports[1]}]"
        monmap = str(self._folder / "monmap")
        tool = [program("monmaptool"), "--create", "--clobber", "--addv", "a", address]
        subprocess.run([*tool, "--fsid", fsid, monmap], check=True)
        text = settings(self._folder, fsid=fsid, ports=ports, store=store)
        made = self._folder / "made.conf"
        made.write_text(text)
        subprocess.run(
            [program("ceph-mon"), "-c", str(made), "--mkfs", "-i", "a", "--monmap", monmap],
            check=True,
        )
        made.rename(self._configuration)

    def _make_bucket(self, port: int, bucket: str) -> None:
        client = s3_client(_Gateway(port, **json.loads(self._key.read_text())))
        deadline = time.monotonic() + _SECONDS
        while True:
            try:
                client.create_bucket(Bucket=bucket)  # once more, it is as it was
            except (BotoCoreError, ClientError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return

    def _keep(self, key: dict[str, str]) -> None:
        self._key.write_text(json.dumps(key))
        path = Path(os.environ["AWS_SHARED_CREDENTIALS_FILE"])
        staged = path.with_name(f".{path.name}.{os.getpid()}")
        staged.write_text(
            f"[{PROFILE}]\naws_access_key_id = {key['access_key']}\n"
            f"aws_secret_access_key = {key['secret_key']}\n"
        )
        staged.rename(path)  # nobody reads half of it

    def _spawn(self, name: str, *arguments: str) -> None:
        command = [program(name), "-c", str(self._configuration), "-f", *arguments]
        self._children.append(subprocess.Popen(leashed(command)))

    def _run(self, name: str, *arguments: str) -> str:
        command = [program(name), "-c", str(self._configuration), *arguments]
        return subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, timeout=_SECONDS
        ).stdout


def _new_key() -> dict[str, str]:
    return {"access_key": secrets.token_hex(10).upper(), "secret_key": secrets.token_hex(20)}


def _end(*_: object) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    main()
