"""A feed under the test's control: a WebSocket server that says exactly what the test tells it to.

It is no simulator: it has no market and no habits. It keeps a ledger of what it sent, in the form that the oracle reads,
and can answer a handshake wrongly, send bytes that are not UTF-8, fall silent or hang up.
"""

import json
import queue
import threading
import time

from harness import wait_until
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Response
from websockets.sync.server import serve


class Connection:
    """One connection of the program under test."""

    def __init__(self, number, socket):
        self.number, self.socket = number, socket
        self.messages = []
        self.frames = 0
        self.open = True

    def subscribed(self):
        """The symbols asked for and not given up."""
        wanted = []
        for message in list(self.messages):
            if message.get("type") == "subscribe":
                wanted.append(message["symbol"])
            elif message.get("type") == "unsubscribe" and message["symbol"] in wanted:
                wanted.remove(message["symbol"])
        return wanted


class FakeFeed:
    def __init__(self, tls=None):
        self.connections = []
        self.handshakes = []  # (time, path, headers)
        self.answers = queue.SimpleQueue()  # statuses for the next handshakes; none left: accept
        self.always = None  # a status for every handshake
        self.ledger = []
        self._server = serve(
            self._serve,
            "127.0.0.1",
            0,
            process_request=self._answer,
            ssl=tls,
            compression=None,
            max_size=None,
            ping_interval=None,
        )
        self.port = self._server.socket.getsockname()[1]
        self.url = f"{'wss' if tls else 'ws'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    # Handshake.

    def refuse(self, *statuses):
        """Answer the next handshakes with these HTTP statuses."""
        for status in statuses:
            self.answers.put(status)

    def _answer(self, _connection, request):
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return self._respond(404)  # somebody asks who we are; that is no handshake
        self.handshakes.append((time.monotonic(), request.path, dict(request.headers.raw_items())))
        status = self.always
        if status is None and not self.answers.empty():
            status = self.answers.get()
        if status is None:
            return None
        return self._respond(status)

    def _respond(self, status):
        body = b'{"error":"so says the test"}\n'
        headers = Headers({"Content-Length": str(len(body)), "Content-Type": "text/plain", "Connection": "close"})
        return Response(int(status), "so says the test", headers, body)

    def _serve(self, socket):
        connection = Connection(len(self.connections) + 1, socket)
        self.connections.append(connection)
        try:
            for message in socket:
                connection.messages.append(json.loads(message))
        except (ConnectionClosed, OSError):
            pass
        finally:
            connection.open = False

    # What tests do.

    def connection(self, number=None):
        """The connection of this number (from 1), or the newest; waits for it."""
        wanted = number or max(1, len(self.connections))
        wait_until(lambda: len(self.connections) >= wanted, f"connection {wanted} to the test's feed")
        return self.connections[wanted - 1]

    def wait_for_subscriptions(self, symbols, number=None):
        connection = self.connection(number)
        wait_until(
            lambda: set(symbols) <= set(connection.subscribed()),
            lambda: f"subscriptions of {symbols}; so far {connection.subscribed()}",
        )
        return connection

    def send(self, text, connection=None, binary=False):
        """Sends one text message (bytes are sent as they are, UTF-8 or not) and writes it into the ledger."""
        connection = connection or self.connection()
        connection.frames += 1
        line = {"connection": connection.number, "frame": connection.frames, "sent_us": time.time_ns() // 1000}
        # A ledger is JSON, so it cannot hold what is not text; such a frame has no trades anyway.
        self.ledger.append(line | ({"hex": text.hex()} if isinstance(text, bytes) else {"bytes": text}))
        connection.socket.send(text, text=not binary)

    def hang_up(self, connection=None):
        (connection or self.connection()).socket.close()

    def write_ledger(self, path):
        path.write_text("".join(json.dumps(line) + "\n" for line in self.ledger), encoding="utf-8")
        return path

    def close(self):
        for connection in self.connections:
            try:
                connection.socket.close()
            except (ConnectionClosed, OSError):
                pass
        self._server.shutdown()
        self._thread.join()
