"""A run of `rhaid serve`, and the one who reads its live feed.

    python3 follow.py RHAID SCRIPT TARGET USERS SECONDS

Prints `{"run": .., "snapshots": ..}`: the run as the server tells it after its end, and how many snapshots came.
"""

import http.client
import json
import subprocess
import sys
from pathlib import Path

# The longest that the server may say nothing.
SILENT_WITHIN_S = 20
# The server makes no run with more users, or a longer one, than it was told it may.
BOUNDS = ["--max-users", "100000", "--max-duration", "1h"]


def asked(server: http.client.HTTPConnection, method: str, path: str, body: dict | None = None) -> dict:
    """The answer of the control API."""
    text = None if body is None else json.dumps(body)
    server.request(method, path, text, {"Content-Type": "application/json"})
    answer = server.getresponse()
    told = json.load(answer)
    if answer.status >= 300:
        sys.exit(f"error: {path} answers {answer.status}: {told}")
    return told


def snapshots(server: http.client.HTTPConnection, run_id: str) -> int:
    """Reads the feed of a run until it ends, each message whole; counts the snapshots."""
    count = 0
    server.request("GET", f"/api/tests/runs/{run_id}/events")
    with server.getresponse() as feed:
        for line in feed:
            if not line.startswith(b"data: "):
                continue
            kind = json.loads(line.removeprefix(b"data: "))["type"]
            count += kind == "snapshot"
            if kind == "end":
                return count
    sys.exit("error: the feed ended before the run")


def main() -> None:
    program, script, target, users, seconds = sys.argv[1:]
    script = Path(script)
    words = [program, "serve", "--listen", "127.0.0.1:0", "--no-auth", "--script-root", str(script.parent)]
    serving = subprocess.Popen([*words, "--db", "rhaid.db", *BOUNDS], stdout=subprocess.PIPE, text=True)
    try:
        line = serving.stdout.readline()
        if not line.startswith("listening on http://"):
            sys.exit(f"error: {program} serve did not start")
        address = line.removeprefix("listening on http://").strip().rstrip("/")
        server = http.client.HTTPConnection(address, timeout=SILENT_WITHIN_S)
        wanted = {"test_type": "load", "script": script.name, "target_url": target}
        load = {"users": int(users), "duration_seconds": int(seconds)}
        run_id = asked(server, "POST", "/api/tests/start", {**wanted, **load})["run_id"]
        count = snapshots(http.client.HTTPConnection(address, timeout=SILENT_WITHIN_S), run_id)
        run = asked(server, "GET", f"/api/tests/runs/{run_id}")
        print(json.dumps({"run": run, "snapshots": count}))
    finally:
        serving.terminate()
        serving.wait()


if __name__ == "__main__":
    main()
