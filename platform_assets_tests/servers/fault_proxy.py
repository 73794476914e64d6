"""A TCP proxy that does what networks do: cuts, refuses, stalls and delays.

It forwards 127.0.0.1:`port` to another port of 127.0.0.1. All its work is done by one event loop in one
thread; the methods may be called from any thread and have taken effect when they return.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING, Any, Self

from platform_assets_tests.servers.processes import free_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_CHUNK = 64 * 1024
_CALL_SECONDS = 30
#: Closing resets the connection instead of ending it in order.
_RESET = struct.pack("ii", 1, 0)


class FaultProxy:
    """One proxy; as a context manager it is started and closed.

    Attributes:
        port: where it listens.
        accepted: how many connections it accepted.
        cuts: how many connections it reset.
        to_client: how many bytes it forwarded to clients.
    """

    def __init__(self, upstream_port: int) -> None:
        self.port = free_ports(1)[0]
        self.accepted = 0
        self.cuts = 0
        self.to_client = 0
        self._upstream_port = upstream_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._flowing = asyncio.Event()
        self._delay = 0.0
        self._bytes_left: int | None = None

    def start(self) -> Self:
        self._thread.start()
        self._flowing.set()
        self._await(self._listen())
        return self

    def close(self) -> None:
        self._await(self._cut(refuse=True))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CALL_SECONDS)
        self._loop.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def cut(self, *, refuse: bool = False) -> None:
        """Reset all connections; refuse new ones until `restore`, if so wanted."""
        self._await(self._cut(refuse=refuse))

    def cut_after(self, count: int) -> None:
        """Forward so many bytes more to clients, then reset the connection that took the last; once.

        What is still on its way to the client is lost with the connection.
        """
        self._set(lambda: setattr(self, "_bytes_left", count))

    def stall(self) -> None:
        """Keep connections, accept new ones, and forward nothing until `resume` or `restore`."""
        self._set(self._flowing.clear)

    def resume(self) -> None:
        """Forward again, and first what came in the meantime."""
        self._set(self._flowing.set)

    def delay(self, seconds: float) -> None:
        """Let every piece of data to a client wait so long from now on."""
        self._set(lambda: setattr(self, "_delay", seconds))

    def restore(self) -> None:
        """End every fault: listen, forward at once, cut no more."""
        self._await(self._restore())

    async def _restore(self) -> None:
        self._delay = 0.0
        self._bytes_left = None
        self._flowing.set()
        await self._listen()

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _cut(self, *, refuse: bool) -> None:
        if refuse and self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self._connections):
            self._reset(connection)
        await asyncio.sleep(0)  # the transports close their sockets in the next turn

    def _reset(self, connection: _Connection) -> None:
        self.cuts += 1
        self._connections.discard(connection)
        connection.reset()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        connection = _Connection(writer)
        self._connections.add(connection)
        try:
            await self._flowing.wait()
            there, here = await asyncio.open_connection("127.0.0.1", self._upstream_port)
            connection.add(here)
            await connection.until_one_ends(
                self._forward(reader, here, connection, to_client=False),
                self._forward(there, writer, connection, to_client=True),
            )
        except OSError:
            pass  # nobody behind the proxy, or one side is gone: the other one is reset below
        finally:
            self._connections.discard(connection)
            connection.reset()

    async def _forward(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        connection: _Connection,
        *,
        to_client: bool,
    ) -> None:
        while data := await source.read(_CHUNK):
            if to_client and self._delay:
                await asyncio.sleep(self._delay)
            await self._flowing.wait()
            last = False
            if to_client:
                data, last = self._within_limit(data)
                self.to_client += len(data)
            target.write(data)
            await target.drain()
            if last:
                self._reset(connection)
                return

    def _within_limit(self, data: bytes) -> tuple[bytes, bool]:
        """Return what may still go to the client, and whether the connection is cut after it."""
        if self._bytes_left is None:
            return data, False
        if len(data) < self._bytes_left:
            self._bytes_left -= len(data)
            return data, False
        data, self._bytes_left = data[: self._bytes_left], None
        return data, True

    def _await(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_CALL_SECONDS)

    def _set(self, change: Callable[[], object]) -> None:
        async def work() -> None:
            change()

        self._await(work())


class _Connection:
    """The two sockets of one client's connection."""

    def __init__(self, client: asyncio.StreamWriter) -> None:
        self._writers = [client]
        self._pumps: list[asyncio.Task[None]] = []

    def add(self, upstream: asyncio.StreamWriter) -> None:
        self._writers.append(upstream)

    async def until_one_ends(self, *pumps: Coroutine[Any, Any, None]) -> None:
        """Forward both ways until one side is gone, and let nothing of it go on."""
        self._pumps = [asyncio.ensure_future(pump) for pump in pumps]
        try:
            await asyncio.wait(self._pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in self._pumps:
                pump.cancel()
            await asyncio.gather(*self._pumps, return_exceptions=True)

    def reset(self) -> None:
        """Close both sockets so that both sides see a reset."""
        for pump in self._pumps:
            pump.cancel()
        for writer in self._writers:
            with contextlib.suppress(OSError):
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, _RESET
                )
            writer.transport.abort()
