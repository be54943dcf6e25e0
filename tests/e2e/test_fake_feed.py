"""The test's own feed does what the tests believe it does."""

import json

import pytest
from fake_feed import FakeFeed
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect


@pytest.fixture
def feed():
    feed = FakeFeed()
    yield feed
    feed.close()


def test_it_hears_subscriptions_and_sends_what_it_writes_down(feed, tmp_path):
    with connect(feed.url + "?token=x") as client:
        client.send('{"type":"subscribe","symbol":"A B"}')
        connection = feed.wait_for_subscriptions(["A B"])
        client.send('{"type":"unsubscribe","symbol":"A B"}')
        feed.send('{"type":"ping"}')
        assert client.recv() == '{"type":"ping"}'
    assert feed.handshakes[0][1] == "/?token=x"
    [line] = feed.write_ledger(tmp_path / "ledger").read_text().splitlines()
    assert json.loads(line) | {"sent_us": 0} == {"connection": 1, "frame": 1, "sent_us": 0, "bytes": '{"type":"ping"}'}
    assert connection.subscribed() == []


def test_it_refuses_handshakes_in_order(feed):
    feed.refuse(401, 429, 200)
    for status in (401, 429, 200):
        with pytest.raises(InvalidStatus) as refused:
            connect(feed.url)
        assert refused.value.response.status_code == status
    with connect(feed.url):
        assert feed.connection(1).open


def test_it_sends_bytes_that_are_no_text(feed):
    with connect(feed.url) as client:
        feed.connection(1)
        feed.send(b"\xff\xfe")
        with pytest.raises(ConnectionClosed) as closed:
            client.recv()
            client.recv()
        assert closed.value.sent.code == 1007


def test_it_hangs_up(feed):
    with connect(feed.url) as client:
        feed.connection(1)
        feed.hang_up()
        with pytest.raises(ConnectionClosed):
            client.recv()
