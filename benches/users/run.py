#!/usr/bin/env python3
"""Measures what sleeping users cost: memory of the process against their number, and the time until they are there.

    python3 benches/users/run.py

Each size is a process of its own, whose users all sleep, inside a task or between two. Its memory is read when the run says
that all of them are present and it has stood still since. Memory for each user is the slope of the straight line through all
sizes, and the line is told how far it is from straight. Needs Linux. Exits with 1 above a bound that was given.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
SIZES = [1_000, 10_000, 50_000, 100_000]
SCRIPTS = {
    "inside a task": 'let options = #{ load: #{ vus: 1, duration: "1h" } };\nfn rest(user) { user.sleep("1h"); }\n',
    "between tasks": 'let options = #{ load: #{ vus: 1, duration: "1h" }, think_time: constant("1h") };\nfn rest(user) { }\n',
}
# Seconds until all users are there, at most, and how long memory has to stand still.
WITHIN_S, STILL_S = 120, 2


def status_kib(pid: int) -> dict[str, int]:
    """Lines of `/proc/PID/status` in KiB."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return {name: int(kib) for name, kib in re.findall(r"^(\w+):\s+(\d+) kB$", text, re.MULTILINE)}


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(program: Path, script: str, users: int, threads: int) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rest.rhai"
        file.write_text(script, encoding="utf-8")
        words = [program, "run", file, "-u", str(users), "-d", "1h", "--threads", str(threads)]
        words += ["--db", Path(folder) / "rhaid.db"]
        begun = time.monotonic()
        with open(Path(folder) / "log", "w+", encoding="utf-8") as log:
            run = subprocess.Popen(words, cwd=folder, stdout=log, stderr=log)
            try:
                return {"users": users} | watch(run, Path(folder) / "log", users, begun)
            finally:
                run.send_signal(signal.SIGINT)
                time.sleep(0.5)
                run.send_signal(signal.SIGINT)
                try:
                    run.wait(60)
                except subprocess.TimeoutExpired:
                    run.kill()


def watch(run: subprocess.Popen, log: Path, users: int, begun: float) -> dict:
    is_there = False
    wanted = f"  {users:,} VUs  "
    still_since, last, settled = time.monotonic(), 0, 0.0
    while time.monotonic() < begun + WITHIN_S:
        time.sleep(0.02)
        if run.poll() is not None:
            sys.exit(f"error: {users} users: ended with {run.returncode}\n{log.read_text()[-2000:]}")
        is_there = is_there or wanted in log.read_text(encoding="utf-8")
        resident = status_kib(run.pid).get("VmRSS", 0)
        if abs(resident - last) > 256:
            still_since, last = time.monotonic(), resident
            settled = still_since - begun
        if is_there and time.monotonic() - still_since > STILL_S:
            now = status_kib(run.pid)
            maps = len(Path(f"/proc/{run.pid}/maps").read_text(encoding="utf-8").splitlines())
            return {"resident": now["VmRSS"], "tables": now["VmPTE"], "mappings": maps,
                    "settled_s": settled, "cpu_s": cpu_s(run.pid)}
    sys.exit(f"error: {users} users are not there after {WITHIN_S} s\n{log.read_text()[-2000:]}")


def line(rows: list[dict]) -> tuple[float, float, float]:
    """Least squares through resident KiB: base, slope, and the largest distance from it as a share of the largest size."""
    xs, ys = [row["users"] for row in rows], [row["resident"] for row in rows]
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    slope = sum((x - mx) * (y - my) for x, y in zip(xs, ys)) / sum((x - mx) ** 2 for x in xs)
    base = my - slope * mx
    off = max(abs(y - base - slope * x) for x, y in zip(xs, ys))
    return base, slope, off / max(ys)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--program", type=Path, help="this build of rhaid [default: build it]")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="numbers of users [default: %(default)s]")
    parser.add_argument("--threads", type=int, default=2, help="worker threads [default: %(default)s]")
    parser.add_argument("--asleep", choices=SCRIPTS, help="only those who sleep there")
    parser.add_argument("--max-kb", type=float, help="fail when a user costs more kB (1,000 bytes)")
    parser.add_argument("--max-seconds", type=float, help="fail when users take longer to be there")
    parser.add_argument("--json", type=Path, help="keep all figures there")
    given = parser.parse_args()
    program = (given.program or build()).resolve()
    sizes = [int(size) for size in given.sizes.split(",")]
    figures, is_over = {}, False
    for name, script in SCRIPTS.items():
        if given.asleep not in (None, name):
            continue
        rows = [measure(program, script, users, given.threads) for users in sizes]
        figures[name] = rows
        is_over |= show(name, rows, given)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return int(is_over)


def show(name: str, rows: list[dict], given: argparse.Namespace) -> bool:
    print(f"\nAsleep {name}\n")
    print("| users | resident, MB | page tables, MB | mappings | there after, s | CPU, s |")
    print("|--:|--:|--:|--:|--:|--:|")
    for row in rows:
        print(f"| {row['users']:,} | {row['resident'] * 1.024e-3:,.1f} | {row['tables'] * 1.024e-3:,.1f} "
              f"| {row['mappings']:,} | {row['settled_s']:.1f} | {row['cpu_s']:.1f} |", flush=True)
    slowest = max(row["settled_s"] for row in rows)
    is_over = given.max_seconds is not None and slowest > given.max_seconds
    if len(rows) > 1:
        base, slope, off = line(rows)
        print(f"\n{slope * 1.024:.2f} kB a user and {base * 1.024e-3:.0f} MB; no size is further than {off:.2%} from that line")
        is_over |= given.max_kb is not None and slope * 1.024 > given.max_kb
    return is_over


def build() -> Path:
    subprocess.run(["cargo", "build", "--release", "--locked"], cwd=REPOSITORY, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "release" / "rhaid"


if __name__ == "__main__":
    sys.exit(main())
