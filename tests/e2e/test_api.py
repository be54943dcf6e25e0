"""What the running program answers, held against its own description (openapi.yaml)."""

import json
import re
import time
import urllib.error
import urllib.request

import harness
import jsonschema
import pytest
import yaml
from covered import reaches
from websockets.sync.client import connect

DESCRIPTION = harness.ROOT / "src" / "serve" / "openapi.yaml"


@pytest.fixture(scope="module")
def description():
    return yaml.safe_load(DESCRIPTION.read_text(encoding="utf-8"))


@pytest.fixture
def live(tapeline):
    """A simulated market with its first bars."""
    running = harness.Live(tapeline.start("run", "--data-dir", tapeline.data, "--port", "0"))
    harness.wait_until(lambda: "AAPL" in trades_of(running), "a trade of AAPL")
    return running


def trades_of(running):
    return [symbol["symbol"] for symbol in json.loads(running.get("/api/v1/symbols")[1])["symbols"] if symbol["last"]]


def request(running, method, path, body=None, **headers):
    """(status, headers, body), whatever the status."""
    made = urllib.request.Request(running.address + path, method=method, data=body, headers=headers)
    try:
        with urllib.request.urlopen(made, timeout=30) as answer:
            return answer.status, answer.headers, answer.read().decode("utf-8")
    except urllib.error.HTTPError as problem:
        return problem.code, problem.headers, problem.read().decode("utf-8")


def check(description, schema, value):
    """Against a schema of the description, where every member that is sent must be described."""
    jsonschema.validate(value, {**schema, "components": description["components"]}, jsonschema.Draft202012Validator)


def members(description, schema):
    """Names of an object's members, through references and allOf."""
    if "$ref" in schema:
        return members(description, description["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    return set(schema.get("properties", {})).union(*(members(description, part) for part in schema.get("allOf", [])))


def check_answer(description, method, path, answer):
    status, headers, body = answer
    described = description["paths"][path][method.lower()]["responses"]
    assert str(status) in described, f"{method} {path} answered {status}, which is not described: {body[:300]}"
    response = described[str(status)]
    if "$ref" in response:
        response = description["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
    if "content" not in response:
        assert body == ""
        return None
    kind = headers["Content-Type"].split(";")[0]
    schema = response["content"][kind]["schema"]
    value = json.loads(body) if kind.endswith("json") else body
    check(description, schema, value)
    if isinstance(value, dict):
        assert set(value) <= members(description, schema), f"{method} {path} sends members that are not described"
    return value


QUERIES = {
    "/api/v1/symbols/search": "?q=app",
    "/api/v1/bars": "?symbol=AAPL&interval=1s",
    "/api/v1/trades": "?symbol=AAPL",
    "/api/v1/verify": "?symbol=AAPL&from=0&to=2100-01-01",
}
BAR = "/api/v1/bars/{symbol}/{interval}/{start}"


def test_every_get_answers_as_described(live, description):
    for path, methods in description["paths"].items():
        if "get" in methods:
            asked = path.format(symbol="AAPL", interval="1h", start=time.time_ns() // 1_000_000, id=1)
            check_answer(description, "GET", path, request(live, "GET", asked + QUERIES.get(path, "")))


def test_a_bars_proof_and_verify_answer_while_it_runs(live, description):
    harness.wait_until(lambda: json.loads(live.get("/api/v1/bars?symbol=AAPL&interval=1s")[1])["bars"], "a bar")
    newest = json.loads(live.get("/api/v1/bars?symbol=AAPL&interval=1h")[1])["bars"][-1]
    told = check_answer(
        description, "GET", BAR, request(live, "GET", f"/api/v1/bars/AAPL/1h/{newest['start_ms']}?limit=1000")
    )
    assert told["bar"]["trade_count"] + told["bar"]["price_update_count"] == told["trades_total"] > 0
    assert told["differences"] == [] and told["complete"]
    path = f"/api/v1/bars/AAPL/1h/{newest['start_ms']}"
    told = check_answer(description, "GET", BAR, request(live, "GET", f"{path}?limit=1000&basis=eligible"))
    assert told["basis"] == told["bar"]["basis"] == "eligible" and told["differences"] == []
    status, headers, body = request(live, "GET", f"{path}?basis=vendor")
    assert status == 400 and "take all or eligible" in json.loads(body)["detail"]
    path = "/api/v1/verify"
    # Bars reach the store once a second.
    harness.wait_until(lambda: json.loads(live.get(path + QUERIES[path])[1])["bars"] > 0, "bars in the store", 30)
    report = check_answer(description, "GET", path, request(live, "GET", path + QUERIES[path]))
    assert (report["outcome"], report["differences"]) == ("equal", [])


def test_the_proof_of_a_bar_touched_by_a_gap_names_the_gap(live, tapeline, description):
    live.kill()
    live = harness.Live(tapeline.start("run", "--data-dir", tapeline.data, "--port", "0"))
    path = "/api/v1/bars?symbol=AAPL&interval=1s"
    touched = harness.wait_until(
        lambda: [bar for bar in json.loads(live.get(path)[1])["bars"] if bar["gap"]], "a bar touched by the gap", 30
    )
    for bar in touched:
        asked = f"/api/v1/bars/AAPL/1s/{bar['start_ms']}"
        # Gaps reach the store once a second.
        harness.wait_until(lambda asked=asked: json.loads(live.get(asked)[1])["gaps"], "the gap in the store", 30)
        told = check_answer(description, "GET", BAR, request(live, "GET", asked))
        assert told["bar"]["gap"] and told["bar"]["coverage"]["ms"] < 1000
        assert {gap["cause"] for gap in told["gaps"]} == {"crash"}
        assert all(reaches(gap, bar["start_ms"], bar["end_ms"]) for gap in told["gaps"])


def test_every_wrong_query_answers_as_described(live, description):
    for path in QUERIES:
        for query in ("", "?symbol=", "?symbol=AAPL&limit=0", "?symbol=AAPL&unknown=1", "?%ff=%00", "?q=" + "a" * 200):
            status, headers, body = request(live, "GET", path + query)
            assert status == 400, (path, query, body)
            check_answer(description, "GET", path, (status, headers, body))


def test_bars_and_trades_have_the_members_that_are_described(live, description):
    harness.wait_until(lambda: json.loads(live.get("/api/v1/bars?symbol=AAPL&interval=1s")[1])["bars"], "a bar")
    bars = json.loads(live.get("/api/v1/bars?symbol=AAPL&interval=1s")[1])["bars"]
    trades = json.loads(live.get("/api/v1/trades?symbol=AAPL")[1])["trades"]
    assert set(bars[0]) == set(description["components"]["schemas"]["Bar"]["properties"])
    assert set(trades[0]) == set(description["components"]["schemas"]["Trade"]["properties"])
    assert bars[0]["consolidated"] is False


def test_symbols_are_added_and_removed_while_it_runs(live, description):
    path = "/api/v1/symbols"
    added = request(live, "POST", path, b'{"symbol": "BINANCE:DOGEBTC"}', **{"Content-Type": "application/json"})
    assert added[0] == 201, added[2]
    check_answer(description, "POST", path, added)
    harness.wait_until(lambda: "BINANCE:DOGEBTC" in trades_of(live), "a trade of the added symbol")
    removed = request(live, "DELETE", path + "/BINANCE%3ADOGEBTC")
    assert removed[0] == 204, removed[2]
    again = request(live, "DELETE", path + "/BINANCE%3ADOGEBTC")
    assert again[0] == 404
    check_answer(description, "DELETE", path + "/{symbol}", again)


def test_other_sites_pages_are_refused(live):
    assert request(live, "GET", "/api/v1/status", Host="evil.example")[0] == 421
    assert request(live, "DELETE", "/api/v1/symbols/AAPL", Origin="https://evil.example")[0] == 403


def test_the_stream_sends_a_snapshot_then_changes(live, description):
    url = "ws" + live.address.removeprefix("http") + "/api/v1/stream"
    with connect(url) as stream:
        hello = json.loads(stream.recv(timeout=30))
        assert hello["type"] == "hello" and hello["simulated"] is True
        stream.send(json.dumps({"op": "subscribe", "channel": "bars", "symbol": "AAPL", "interval": "1s"}))
        stream.send(json.dumps({"op": "subscribe", "channel": "status"}))
        seen = {}
        while not {"snapshot", "bars", "status"} <= set(seen):
            message = json.loads(stream.recv(timeout=30))
            seen.setdefault(message["type"], message)
    for bar in seen["snapshot"]["bars"] + seen["bars"]["bars"]:
        check(description, {"$ref": "#/components/schemas/Bar"}, bar)
    del seen["status"]["type"]
    check(description, {"$ref": "#/components/schemas/Status"}, seen["status"])


def test_no_answer_is_opened_to_a_network_without_token_and_tls(tapeline):
    tapeline.settings["TAPELINE_SERVE_ADDRESS"] = "0.0.0.0"
    done = tapeline.run("run", "--data-dir", tapeline.data, "--port", "0", code=None)
    assert done.code != 0
    assert re.search(r"set serve\.token, serve\.certificate_file and serve\.key_file", done.stderr), str(done)
