"""The journey of a user of the sample service: the same requests from each tool, the service's own counts, what they cost."""

import http.client
import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import tools as peers
from comparison import Comparison
from probe import Failed, Job, Target, Told, run_tool, value_at
from table import Setting

JOURNEY = "signs in; lists, reads, changes"
# What follows a sign-in, as the service counts it.
TURN = ("GET /api/teams", "GET /api/teams/{id}", "PUT /api/users/me")
SIGN_IN = "POST /api/auth/login"
# Headers of a request that are the tool's own affair: the service looks at none of them. rhaid's take more bytes.
OWN_HEADERS = ("host", "user-agent", "accept", "accept-encoding")
# Requests that are compared one by one: a sign-in and five turns, so every page once.
COMPARED = 1 + 5 * len(TURN)
# Connections that one user may open. A client that gets one back a moment after its next request begins has two.
MOST_CONNECTIONS = 3
# The buckets into which the service's counts are put.
BUCKET_S = 0.1
ASK_WITHIN_S = 5


class RhaidJourney(peers.Rhaid):
    does = JOURNEY
    script = "journey.rhai"

    def told(self, run: dict, job: Job) -> Told:
        fails = sum(check["fails"] for check in run["checks"])
        return Told(run["totals"]["requests"], run["totals"]["failed"] + fails)


class K6Journey(peers.K6):
    does = JOURNEY
    script = "journey.js"

    def read(self, job: Job, printed: str) -> Told:
        metrics = json.loads((job.folder / "k6.json").read_text())
        # A rate's passes are what it counts: of this one, requests that failed.
        failed = metrics["http_req_failed"]["values"]["passes"] + metrics["checks"]["values"]["fails"]
        return Told(metrics["http_reqs"]["values"]["count"], failed)


class Service(Target):
    """The sample service. It counts, and is asked for its counts now and then."""

    def __init__(self, program: Path, core: int, users: int):
        # On a busy machine a user waits for the database: a refusal would be less work than the journey.
        patient = ["--threads", "1", "--pool-timeout", "1m"]
        super().__init__([str(program), "target-api", "--port", "0", "--users", str(users), *patient], core)
        self._asking = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=ASK_WITHIN_S)
        self._times: list[float] = []
        self._received: list[int] = []

    def _counts(self) -> dict:
        # Not counted itself.
        self._asking.request("GET", "/lab/counters")
        with self._asking.getresponse() as answer:
            return json.load(answer)

    def look(self) -> None:
        asked_at = time.monotonic()
        received = self._counts()["received"]
        # It is busy: between the question and the answer lie all requests that wait.
        self._times.append((asked_at + time.monotonic()) / 2)
        self._received.append(received)

    def seen(self) -> dict:
        self.look()
        counts = self._received
        begin = max(next((place for place, count in enumerate(counts) if count), 0) - 1, 0)
        origin, end = self._times[begin], self._times[counts.index(counts[-1])]
        edges = [origin + place * BUCKET_S for place in range(round((end - origin) / BUCKET_S) + 1)]
        at_edges = [value_at(self._times, counts, edge) for edge in edges]
        return {
            "requests": counts[-1],
            "by_route": self._counts()["by_route"],
            "connections": None,
            "origin_ns": origin * 1e9,
            "bucket_ns": BUCKET_S * 1e9,
            "buckets": [after - before for before, after in zip(at_edges, at_edges[1:])],
            "held_p50_ns": 0,
            "held_p99_ns": 0,
        }

    def problems(self, seen: dict, job: Job) -> list[str]:
        counts = dict(seen["by_route"])
        found = []
        if (signed_in := counts.pop(SIGN_IN, 0)) != job.connections:
            found.append(f"{signed_in} sign-ins of {job.connections} users")
        turns = [counts.pop(route, 0) for route in TURN]
        # Each user may be in the middle of a turn at the end.
        is_even = turns == sorted(turns, reverse=True) and turns[0] - turns[-1] <= job.connections
        if not is_even or counts:
            found.append(f"the service received {seen['by_route']}")
        return found


class Tap(ThreadingHTTPServer):
    """Stands before a service, passes on what it is asked, and notes it."""

    daemon_threads = True

    def __init__(self, url: str):
        super().__init__(("127.0.0.1", 0), Passing)
        self.service = urlsplit(url).netloc
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.requests: list[dict] = []
        # Connections on which something was asked, and what sign-ins gave.
        self.connections: set[tuple] = set()
        self.tokens: list[str] = []


class Passing(BaseHTTPRequestHandler):
    """One connection through a tap."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Tap

    def setup(self) -> None:
        super().setup()
        self._service = http.client.HTTPConnection(self.server.service, timeout=ASK_WITHIN_S)

    def log_message(self, *_) -> None:
        pass

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._service.request(self.command, self.path, body, headers)
        with self._service.getresponse() as answer:
            answered = answer.read()
            self.send_response(answer.status)
        self._note(body, headers)
        if self.path.endswith("/login"):
            self.server.tokens.append(json.loads(answered)["token"])
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answered)))
        self.end_headers()
        self.wfile.write(answered)

    do_GET = do_POST = do_PUT = _pass

    def _note(self, body: bytes, headers: dict) -> None:
        heads = {name: value for name, value in sorted(headers.items()) if name not in OWN_HEADERS}
        # Each sign-in gives another.
        for token in self.server.tokens:
            heads["authorization"] = heads.get("authorization", "").replace(token, "TOKEN")
        asked = {"method": self.command, "path": self.path, "headers": heads, "body": body.decode()}
        self.server.requests.append(asked)
        self.server.connections.add(self.client_address)


@contextmanager
def tapped(url: str):
    """A tap that is open for as long as the block takes."""
    with Tap(url) as tap:
        threading.Thread(target=tap.serve_forever, daemon=True).start()
        try:
            yield tap
        finally:
            tap.shutdown()


class Journey(Comparison):
    """A signed-in user of the sample service, in rhaid and in k6."""

    tools = (RhaidJourney, K6Journey)
    needed = (RhaidJourney.name, K6Journey.name)
    can_hold = False

    def prepare(self, target: Path | None) -> None:
        if target:
            raise peers.Missing("the journey is made on the sample service, and on no null target")
        self.program = peers.Rhaid.built()

    def target(self, setting: Setting, core: int) -> Target:
        return Service(self.program, core, setting.connections)

    def differences(self, tools: list[peers.Tool], cores: tuple[int, int], job: Job) -> list[str]:
        """What is not the same in the first requests of one user, and who does not keep connections."""
        found, expected = [], None
        for tool in tools:
            with self.target(Setting(job.connections, 0.0), cores[0]) as service, tapped(service.url) as tap:
                job.url = tap.url
                run_tool(tool.command(job), self.tool_cores(cores), job, service)
            requests = tap.requests[:COMPARED]
            if len(requests) < COMPARED:
                raise Failed(f"{tool.name} made only {len(requests)} requests in {job.load_s} s")
            if len(tap.connections) > MOST_CONNECTIONS:
                found.append(f"{tool.name}: {len(tap.connections)} connections of one user")
            expected = expected or requests
            # The first is enough: what comes after it may follow from it.
            other = next((pair for pair in zip(requests, expected) if pair[0] != pair[1]), None)
            if other:
                found.append(f"{tool.name}: {other[0]} and not {other[1]}")
        return found
