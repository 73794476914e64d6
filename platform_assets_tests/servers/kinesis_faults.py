"""A proxy in front of a Kinesis server that does what real ones do on a bad day.

No test server does these things by itself.

Each fault is drawn from the seed, the operation and the number of its call, so that a history can be
told again by its seed whatever threads do in between. `injected` counts what happened; a test asserts
that its faults did occur. Faults can also be ordered for the next calls of an operation.

What happens to the request tells how much a client may conclude:

- not forwarded: ``throttle``, ``expired`` (iterator, or page of a list), ``error_before`` (500),
  ``reset_before``, ``stall_before``, ``empty_page`` (no records, and the same iterator again as the
  next one);
- forwarded, so that a write took effect, and the answer lost: ``error_after`` (500), ``reset_after``,
  ``stall_after``, ``cut`` (half of the answer, then a reset), ``garbled`` (200 with a page of HTML,
  as something between client and service would give);
- forwarded with a smaller limit: ``short_page``, a few records with more behind them;
- forwarded in part: ``partial``, where some records of PutRecords fail by themselves. A failed record
  may stand before or behind written ones of the same key.
"""

from __future__ import annotations

import random
import threading
from collections import Counter, defaultdict, deque
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from platform_assets_tests.servers.kinesis_faulty_handler import WAIT_SECONDS, FaultyHandler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

#: The faults that each operation can meet; others are not drawn for it.
FAULTS = {
    "GetRecords": (
        *(
            "throttle",
            "expired",
            "error_before",
            "reset_before",
            "empty_page",
            "cut",
            "error_after",
        ),
        *("stall_before", "reset_after", "garbled", "short_page"),
    ),
    "PutRecords": (
        *("throttle", "error_before", "reset_before", "partial", "cut", "error_after"),
        *("reset_after", "stall_before", "stall_after", "garbled"),
    ),
}
_OTHERS = ("throttle", "error_before", "reset_before", "cut", "stall_before")


class FaultProxy:
    """The faults of one proxy. See `fault_proxy`."""

    def __init__(self, rates: Mapping[str, float], seed: int, stall_seconds: float) -> None:
        self.endpoint = ""
        self.injected: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self._rates = dict(rates)
        self._seed = seed
        self._ordered: dict[str, deque[str]] = defaultdict(deque)
        self._acts: dict[tuple[str, int], Callable[[], None]] = {}
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._stall_seconds = stall_seconds

    def order(self, operation: str, *faults: str) -> None:
        """Give the next calls of an operation these faults; ``none`` lets a call pass."""
        with self._lock:
            self._ordered[operation].extend(faults)

    def act_at(self, operation: str, later: int, act: Callable[[], None]) -> None:
        """Do something when the ``later``-th next call of an operation came in, before it goes on."""
        with self._lock:
            self._acts[operation, self.calls[operation] + later] = act

    def forget_acts(self) -> None:
        """Do nothing of what was to be done at calls that did not come."""
        with self._lock:
            self._acts.clear()

    def stop_faults(self) -> None:
        """Let everything pass from now on."""
        with self._lock:
            self._rates.clear()
            self._ordered.clear()

    def release(self) -> None:
        """End the stalls that are under way; their connections are reset."""
        self._released.set()

    def draw(self, operation: str) -> tuple[str, random.Random]:
        """Return the fault of this call, or ``none``, and the randomness for its details."""
        with self._lock:
            self.calls[operation] += 1
            act = self._acts.pop((operation, self.calls[operation]), None)
            chance = random.Random(f"{self._seed} {operation} {self.calls[operation]}")  # noqa: S311
            fault = self._ordered[operation].popleft() if self._ordered[operation] else ""
            fault = fault or self._drawn(operation, chance.random())
            if fault != "none":
                self.injected[fault] += 1
        if act is not None:
            act()
        return fault, chance

    def stall(self) -> None:
        """Wait as long as a stalled connection does."""
        self._released.wait(self._stall_seconds)

    def _drawn(self, operation: str, chance: float) -> str:
        for fault in FAULTS.get(operation, _OTHERS):
            chance -= self._rates.get(fault, 0.0)
            if chance < 0:
                return fault
        return "none"


@contextmanager
def fault_proxy(
    endpoint: str,
    rates: Mapping[str, float] | None = None,
    *,
    seed: int = 0,
    stall_seconds: float = 30.0,
) -> Iterator[FaultProxy]:
    """Run a proxy in front of ``endpoint`` for as long as the block lasts.

    Args:
        endpoint: the server's address.
        rates: fault -> its share of the calls that can meet it, for example ``{"throttle": 0.1}``.
        seed: what the faults are drawn from.
        stall_seconds: how long a stall lasts before the connection is reset.
    """
    faults = FaultProxy(rates or {}, seed, stall_seconds)
    upstream = urlsplit(endpoint).netloc

    class Handler(FaultyHandler):
        proxy = faults
        server_address = upstream

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    faults.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield faults
    finally:
        faults.release()
        server.shutdown()
        server.server_close()
        thread.join(WAIT_SECONDS)
