"""Connections that fail: a sentence that says what to do, a counter, another try at a decent pace."""

import socket
import ssl
import subprocess
import time

import harness
import pytest
from fake_feed import FakeFeed
from test_bad_frames import GOOD, frame


@pytest.fixture
def feed():
    feed = FakeFeed()
    yield feed
    feed.close()


@pytest.mark.parametrize(
    ("status", "sentence"),
    [(401, r"401.*token|token.*401"), (429, r"429"), (200, r"200.*101|101.*200|200"), (524, r"524")],
)
def test_a_refused_handshake_is_explained_and_tried_again(status, sentence, feed, make_tapeline):
    tapeline = make_tapeline(**harness.QUICK_RETRY)
    feed.refuse(status)
    live = tapeline.run_live(feed.url, ["AAPL"])
    feed.wait_for_subscriptions(["AAPL"], number=1)
    live.process.wait_for(sentence, where="stderr")
    feed.send(frame(GOOD))
    live.wait_for_counter(harness.ACCEPTED, 1)


def test_after_401_it_waits_long(feed, tapeline):
    feed.always = 401
    tapeline.run_live(feed.url, ["AAPL"])
    harness.wait_until(lambda: feed.handshakes, "a first try")
    time.sleep(6)
    assert len(feed.handshakes) <= 2


def test_nobody_listens(tapeline):
    live = tapeline.run_live(f"ws://127.0.0.1:{harness.free_port()}", ["AAPL"])
    live.process.wait_for(r"Connection refused.*check feed\.url", where="stderr")
    assert live.get("/healthz")[0] == 200


@pytest.fixture
def self_signed(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-keyout",
            key,
            "-out",
            certificate,
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    feed = FakeFeed(tls=context)
    yield feed, certificate
    feed.close()


def test_an_unknown_certificate_is_refused(self_signed, tapeline):
    feed, _ = self_signed
    live = tapeline.run_live(feed.url, ["AAPL"])
    live.process.wait_for(r"certificate cannot be trusted.*feed\.ca_file", where="stderr")
    time.sleep(1)
    assert not feed.connections


def test_a_certificate_that_is_trusted_is_accepted(self_signed, make_tapeline):
    feed, certificate = self_signed
    tapeline = make_tapeline(**{harness.CA_FILE: str(certificate)})
    live = tapeline.run_live(feed.url.replace("127.0.0.1", "localhost"), ["AAPL"])
    feed.wait_for_subscriptions(["AAPL"])
    feed.send(frame(GOOD))
    live.wait_for_counter(harness.ACCEPTED, 1)


def test_a_silent_connection_is_given_up(feed, make_tapeline):
    """Half open: the other side is gone without a word. The watchdog ends it and connects again."""
    tapeline = make_tapeline(**harness.QUICK_WATCHDOG)
    live = tapeline.run_live(feed.url, ["AAPL"])
    feed.wait_for_subscriptions(["AAPL"], number=1)
    feed.wait_for_subscriptions(["AAPL"], number=2)
    live.process.wait_for(r"(?i)silen|no frame|frozen|watchdog", where="stderr")


def test_a_server_that_accepts_and_says_nothing(make_tapeline):
    tapeline = make_tapeline(**harness.QUICK_CONNECT)
    with socket.create_server(("127.0.0.1", 0)) as server:
        live = tapeline.run_live(f"ws://127.0.0.1:{server.getsockname()[1]}", ["AAPL"])
        live.process.wait_for(r"(?i)tim(ed )?out|longer than|within", where="stderr", timeout=40)
        assert live.get("/healthz")[0] == 200
