"""How the fault proxy answers a request, by the fault that was drawn for it. See `kinesis_faults`."""

from __future__ import annotations

import http.client
import json
import socket
import struct
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random

    from platform_assets_tests.servers.kinesis_faults import FaultProxy

_JSON = "application/x-amz-json-1.1"
_QUOTA = "LimitExceededException"
_THROTTLED = {"ListShards": _QUOTA, "DescribeStreamSummary": _QUOTA}
_EXPIRED = {"ListShards": "ExpiredNextTokenException"}
WAIT_SECONDS = 60


class FaultyHandler(BaseHTTPRequestHandler):
    """Forwards requests to ``server_address``, or does what the proxy drew."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = WAIT_SECONDS
    proxy: FaultProxy
    server_address: str

    def do_POST(self) -> None:
        operation = self.headers.get("X-Amz-Target", ".").rpartition(".")[2]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault, chance = self.proxy.draw(operation)
        if fault == "none":
            self._send(*self._forward(body))
        elif fault == "partial":
            self._send_partial(json.loads(body), chance)
        elif fault == "short_page":
            self._send_short_page(json.loads(body), chance)
        elif fault.endswith(("_after", "cut", "garbled")):
            answer = self._forward(body)
            self._lose(fault, *answer)
        else:
            self._refuse(fault, operation, body)

    def _refuse(self, fault: str, operation: str, body: bytes) -> None:
        if fault == "throttle":
            self._fail(400, _THROTTLED.get(operation, "ProvisionedThroughputExceededException"))
        elif fault == "expired":
            self._fail(400, _EXPIRED.get(operation, "ExpiredIteratorException"))
        elif fault == "error_before":
            self._fail(500, "InternalFailure")
        elif fault == "empty_page":
            same = json.loads(body)["ShardIterator"]
            page = {"Records": [], "NextShardIterator": same, "MillisBehindLatest": 1000}
            self._send(200, json.dumps(page).encode())
        elif fault == "stall_before":
            self.proxy.stall()
            self._reset()
        elif fault == "reset_before":
            self._reset()
        else:
            raise ValueError(f"{fault} is no fault of {operation}")

    def _lose(self, fault: str, status: int, answer: bytes) -> None:
        if fault == "error_after":
            self._fail(500, "InternalFailure")
            return
        if fault == "garbled":
            self._send(200, b"<html><body>Just a moment</body></html>")
            return
        if fault == "stall_after":
            self.proxy.stall()
        elif fault == "cut":
            self._head(status, len(answer))
            self.wfile.write(answer[: len(answer) // 2])
            self.wfile.flush()
        self._reset()

    def _send_partial(self, request: dict[str, Any], chance: random.Random) -> None:
        records = request["Records"]
        failed = {number for number in range(len(records)) if chance.random() < 0.5}
        written: list[dict[str, str]] = []
        if len(failed) < len(records):
            rest = [record for number, record in enumerate(records) if number not in failed]
            status, answer = self._forward(json.dumps({**request, "Records": rest}).encode())
            if status != http.client.OK:
                self._send(status, answer)
                return
            written = json.loads(answer)["Records"]
        entries = iter(written)
        results = [
            _failure(chance) if number in failed else next(entries)
            for number in range(len(records))
        ]
        count = sum("ErrorCode" in result for result in results)
        self._send(200, json.dumps({"FailedRecordCount": count, "Records": results}).encode())

    def _send_short_page(self, request: dict[str, Any], chance: random.Random) -> None:
        few = chance.randint(1, 20)
        status, answer = self._forward(json.dumps({**request, "Limit": few}).encode())
        if status == http.client.OK:
            page = json.loads(answer)
            if len(page["Records"]) == few:  # kinesalite never says that more waits
                answer = json.dumps({**page, "MillisBehindLatest": 1000}).encode()
        self._send(status, answer)

    def _forward(self, body: bytes) -> tuple[int, bytes]:
        # a connection for each request: a kept one may be closed by the server at any moment, and
        # a proxy that sends again would write twice
        connection = http.client.HTTPConnection(self.server_address, timeout=WAIT_SECONDS)
        skipped = ("host", "content-length", "connection", "expect")
        headers = {
            name: value for name, value in self.headers.items() if name.lower() not in skipped
        }
        try:
            connection.request("POST", self.path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def _fail(self, status: int, code: str) -> None:
        self._send(status, json.dumps({"__type": code, "message": "injected by a test"}).encode())

    def _send(self, status: int, answer: bytes) -> None:
        self._head(status, len(answer))
        self.wfile.write(answer)

    def _head(self, status: int, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", _JSON)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _reset(self) -> None:
        # a reset and no orderly end: what was sent before may be lost as well
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.wfile.close()
        self.rfile.close()
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        del format, args


def _failure(chance: random.Random) -> dict[str, str]:
    code = chance.choice(("ProvisionedThroughputExceededException", "InternalFailure"))
    return {"ErrorCode": code, "ErrorMessage": "injected by a test"}
