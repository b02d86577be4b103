"""One measurement: a fresh target on one core, a tool on another, and what both have used meanwhile."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

# How often the processes of a tool are looked at.
LOOK_EVERY_S = 0.1
# What a tool may take to start and to end, beyond its load.
GRACE_S = 40.0
# Left out at the end of a tool's load, when its connections no longer all work.
TAIL_S = 0.5
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A tool could not be measured; the text says why."""


@dataclass
class Job:
    """What a tool is asked for."""

    url: str
    connections: int
    # How long the tool makes load, whole seconds.
    load_s: int
    # A folder of its own for what it writes.
    folder: Path


@dataclass
class Told:
    """What a tool says of itself."""

    requests: int
    failed: int = 0
    p50_ms: float | None = None
    p99_ms: float | None = None
    # By how much its count may be off because it prints it rounded.
    rounding: int = 0


@dataclass
class Sample:
    """What one measurement found. Rates and CPU are of the window in which the load was steady."""

    throughput_per_s: float
    cpu_us_per_request: float
    peak_mib: float
    target_busy: float
    told: Told
    received: int
    # Those that were opened; the sample service does not count them.
    connections: int | None
    problems: list[str] = field(default_factory=list)
    p50_error_ms: float | None = None
    p99_error_ms: float | None = None


class Target:
    """A target of our own, pinned to one core. It ends with the block that it serves, and with this process."""

    def __init__(self, words: list[str], core: int):
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "taskset", "-c", str(core), *words],
            # The null target ends when this does.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self._process.stdout.readline()
        prefix = "listening on "
        if not line.startswith(prefix):
            self._process.kill()
            raise Failed(f"the target {words[0]} did not start")
        self.url = line[len(prefix) :].strip()
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self._process.stdin.close()
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def look(self) -> None:
        """Notes what it has received by now, where it keeps no such notes itself."""

    def seen(self) -> dict:
        """What it has received since it was last asked, in equal buckets of time."""
        raise NotImplementedError

    def problems(self, seen: dict, job: Job) -> list[str]:
        """What is wrong with what it has received."""
        return []


class NullTarget(Target):
    """The one that answers at once, or after a time, and counts."""

    def __init__(self, program: Path, core: int, held_ms: float):
        super().__init__([str(program), str(round(held_ms * 1000))], core)
        # No proxy of the environment comes between.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def seen(self) -> dict:
        with self._opener.open(f"{self.url}/-/seen", timeout=5) as answer:
            return json.load(answer)


def tree(pid: int) -> list[int]:
    """A process and all that it started, as far as they are there."""
    found = [pid]
    for parent in found:
        try:
            for thread in os.listdir(f"/proc/{parent}/task"):
                listed = Path(f"/proc/{parent}/task/{thread}/children").read_text()
                found.extend(int(child) for child in listed.split())
        except OSError:
            continue
    return found


def cpu_s(pid: int) -> float:
    """User and system time of a process, with children that have ended."""
    # The name in brackets may hold anything, spaces too.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(value) for value in fields[11:15]) * TICK_S


def peak_kib(pid: int) -> int:
    """The most resident memory that a process has had."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def value_at(times: list[float], series: list[float], moment: float) -> float:
    """What a series that was looked at now and then was at a moment, as if it went straight in between."""
    if moment <= times[0]:
        return series[0]
    for before, after, low, high in zip(times, times[1:], series, series[1:]):
        if before <= moment <= after:
            share = (moment - before) / max(after - before, 1e-9)
            return low + share * (high - low)
    return series[-1]


@dataclass
class Course:
    """CPU over time, in seconds of the monotonic clock, and the largest memory."""

    times: list[float] = field(default_factory=list)
    tool_s: list[float] = field(default_factory=list)
    target_s: list[float] = field(default_factory=list)
    peak_kib: int = 0

    def look(self, tool: int, target: int) -> None:
        used, memory = 0.0, 0
        for pid in tree(tool):
            try:
                used += cpu_s(pid)
                memory += peak_kib(pid)
            except (OSError, IndexError):
                # It has ended since it was listed; its parent has its time.
                continue
        self.times.append(time.monotonic())
        self.tool_s.append(used)
        self.target_s.append(cpu_s(target))
        self.peak_kib = max(self.peak_kib, memory)

    def used(self, series: list[float], begin: float, end: float) -> float:
        """CPU seconds from `begin` to `end`."""
        return value_at(self.times, series, end) - value_at(self.times, series, begin)


def run_tool(words: list[str], cores: str, job: Job, target: Target) -> tuple[Course, str]:
    """Runs a tool to its end and looks at it meanwhile; gives back what it printed."""
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    output = job.folder / "stdout.txt"
    errors = job.folder / "stderr.txt"
    course = Course()
    with output.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen(
            ["taskset", "-c", cores, *words],
            cwd=job.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            # Its children are found, and ended, with it.
            start_new_session=True,
        )
        deadline = time.monotonic() + job.load_s + GRACE_S
        try:
            while process.poll() is None:
                if time.monotonic() > deadline:
                    raise Failed(f"it did not end within {job.load_s + GRACE_S:.0f} s")
                course.look(process.pid, target.pid)
                target.look()
                time.sleep(LOOK_EVERY_S)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    printed = output.read_text(errors="replace")
    if process.returncode != 0:
        last = (errors.read_text(errors="replace") + printed).strip().splitlines()[-3:]
        raise Failed(f"it ended with {process.returncode}: {' / '.join(last)}")
    return course, printed


def window(seen: dict, settle_s: float, measured_s: float) -> tuple[int, float, float]:
    """Requests in the steady part of a load, and when that began and ended by the monotonic clock."""
    width_s = seen["bucket_ns"] / 1e9
    first = round(settle_s / width_s)
    last = min(round((settle_s + measured_s) / width_s), len(seen["buckets"]) - 1)
    if last - first < 0.5 * measured_s / width_s:
        lasted = f"{len(seen['buckets']) * width_s:.1f} s"
        raise Failed(f"its load lasted only {lasted}, with {seen['requests']} requests")
    origin = seen["origin_ns"] / 1e9
    requests = sum(seen["buckets"][first:last])
    return requests, origin + first * width_s, origin + last * width_s


def measure(tool, job: Job, cores: str, target: Target, span: tuple[float, float]) -> Sample:
    """One measurement of `tool` on `cores`, over `span`: seconds to leave out at first, and to measure after them."""
    course, printed = run_tool(tool.command(job), cores, job, target)
    seen = target.seen()
    told = tool.read(job, printed)
    requests, begin, end = window(seen, *span)
    if requests == 0:
        raise Failed(f"the target received {seen['requests']} requests, and none while it was measured")
    sample = Sample(
        throughput_per_s=requests / (end - begin),
        cpu_us_per_request=course.used(course.tool_s, begin, end) / requests * 1e6,
        peak_mib=course.peak_kib / 1024,
        target_busy=course.used(course.target_s, begin, end) / (end - begin),
        told=told,
        received=seen["requests"],
        # The one on which the counts were asked for is not the tool's.
        connections=None if seen["connections"] is None else seen["connections"] - 1,
    )
    sample.problems = problems(sample, job) + target.problems(seen, job)
    for name in ("p50", "p99"):
        says, held_ms = getattr(told, f"{name}_ms"), seen[f"held_{name}_ns"] / 1e6
        if held_ms > 0 and says is not None:
            setattr(sample, f"{name}_error_ms", says - held_ms)
    return sample


def problems(sample: Sample, job: Job) -> list[str]:
    """What does not add up between what a tool says and what the target has received."""
    found = []
    told, received = sample.told, sample.received
    # A request that is under way when the load ends has been received and is not counted by most.
    unexplained = received - told.requests
    if not -told.rounding <= unexplained <= job.connections + told.rounding:
        found.append(f"it counts {told.requests} requests, the target received {received}")
    if told.failed:
        found.append(f"{told.failed} requests failed")
    if sample.connections is not None and sample.connections > job.connections * 1.05 + 1:
        found.append(f"it opened {sample.connections} connections for {job.connections}")
    return found
