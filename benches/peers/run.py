#!/usr/bin/env python3
"""Compares rhaid with its peers: the same target, the same cores, one after the other in rounds.

    python3 benches/peers/run.py
    python3 benches/peers/run.py --tools rhaid,wrk,k6 --rounds 3 --json peers.json

What is not installed is installed into target/peers, where nothing else is touched. The target, and so all load, is on
this machine. docs/performance.md says what is compared and what is not fair about it. Python 3.11 or newer, Linux.
"""

import argparse
import json
import math
import os
import platform
import resource
import sys
import tempfile
from pathlib import Path

# Nothing but target/peers and the files that are asked for is written.
sys.dont_write_bytecode = True

import tools as peers
from probe import TAIL_S, Failed, Job, Target, measure
from table import Results, Setting, as_json, markdown

# Bounds of what may be asked for, so that a comparison ends.
MAX_ROUNDS = 50
MAX_SECONDS = 60
MAX_CONNECTIONS = 20_000


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def bounded(kind: type, least: float, most: float):
    def read(text: str):
        value = kind(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not within {least:g} and {most:g}")
        return value

    return read


def arguments() -> argparse.Namespace:
    names = [tool.name.replace(" ", "") for tool in peers.ALL]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=bounded(int, 1, MAX_ROUNDS), default=5)
    parser.add_argument("--seconds", type=bounded(float, 1, MAX_SECONDS), default=5.0, help="measured in each round")
    parser.add_argument("--connections", default="50,1000", help="one table for each, separated by commas")
    parser.add_argument("--held-ms", type=bounded(float, 0, 1000), default=20.0,
                        help="one more table with answers held for so long, to see how exact times are; 0 for none")
    parser.add_argument("--tools", default=",".join(names), help="separated by commas [default: %(default)s]")
    parser.add_argument("--cores", help="the target's and the tool's, such as 0,1 [default: the first two]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured")
    parser.add_argument("--rhaid", type=Path, help="this build [default: the repository's, built for release]")
    parser.add_argument("--target", type=Path, help="this null target [default: as for --rhaid]")
    given = parser.parse_args()
    try:
        given.connections = [bounded(int, 1, MAX_CONNECTIONS)(text) for text in given.connections.split(",")]
        given.tools = [peers.ALL[names.index(name)] for name in given.tools.replace(" ", "").split(",")]
        given.cores = two_cores(given.cores)
    except (ValueError, argparse.ArgumentTypeError) as error:
        parser.error(f"{error}; the tools are {', '.join(names)}")
    return given


def two_cores(text: str | None) -> tuple[int, int]:
    usable = sorted(os.sched_getaffinity(0))
    chosen = [int(core) for core in text.split(",")] if text else usable[:2]
    if len(set(chosen)) != 2 or not set(chosen) <= set(usable):
        raise ValueError(f"two cores are needed, of {usable}")
    return chosen[0], chosen[1]


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{model or platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}"


def prepare(given: argparse.Namespace, results: Results) -> Path:
    """Makes the target and the tools ready; says which cannot be had. Gives back the target."""
    cache = peers.REPOSITORY / "target" / "peers"
    cache.mkdir(parents=True, exist_ok=True)
    if given.rhaid:
        peers.Rhaid.program = given.rhaid.resolve()
    target = given.target.resolve() if given.target else None
    try:
        target = target or peers.build("--example", "null-target") / "examples" / "null-target"
    except peers.Missing as error:
        sys.exit(f"error: the target cannot be built: {error}")
    for kind in given.tools:
        say(f"preparing {kind.name}")
        tool = kind(cache)
        try:
            tool.find()
            results.tools.append(tool)
        except peers.Missing as error:
            say(f"  {error}")
            results.missing[kind.name] = str(error)
    return target


def one(tool, setting: Setting, given: argparse.Namespace, program: Path):
    """One measurement, with a target and a folder of its own."""
    load_s = math.ceil(tool.settle_s + given.seconds + TAIL_S)
    with (
        tempfile.TemporaryDirectory(prefix="peers-") as folder,
        Target(program, given.cores[0], setting.held_ms) as target,
    ):
        job = Job(target.url, setting.connections, load_s, Path(folder))
        return measure(tool, job, given.cores, target, (tool.settle_s, given.seconds))


def compare(given: argparse.Namespace, results: Results, program: Path) -> None:
    for round_ in range(given.rounds):
        for setting in results.settings:
            # Each round begins with another tool, so that none always comes after the same one.
            first = round_ % max(len(results.tools), 1)
            for tool in results.tools[first:] + results.tools[:first]:
                where = f"round {round_ + 1}, {setting.title()}, {tool.name}"
                try:
                    sample = one(tool, setting, given, program)
                except (Failed, OSError, ValueError, LookupError, AttributeError) as error:
                    results.failures[setting, tool.name].append(f"{str(error) or type(error).__name__}")
                    say(f"{where}: not measured: {error!r}")
                    continue
                results.samples[setting, tool.name][round_] = sample
                say(f"{where}: {sample.throughput_per_s:,.0f}/s {' '.join(sample.problems)}")


def main() -> int:
    given = arguments()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # A connection takes a descriptor, and what is started here inherits the limit.
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    settings = [Setting(connections, 0.0) for connections in given.connections]
    if given.held_ms:
        settings.append(Setting(min(given.connections), given.held_ms))
    results = Results([], settings)
    program = prepare(given, results)
    each_s = sum(tool.settle_s + given.seconds + TAIL_S + 1.5 for tool in results.tools)
    say(f"{len(results.tools)} tools take about {each_s * len(settings) * given.rounds / 60:.0f} minutes")
    compare(given, results, program)
    about = {"rounds": given.rounds, "seconds": given.seconds, "machine": machine(), "cores": given.cores}
    print(markdown(results, about), end="")
    if given.json:
        given.json.write_text(json.dumps(as_json(results, about), indent=2) + "\n")
    # A comparison without figures of our own, or with counts of ours that do not add up, is none.
    ours = [line for line in results.problems() if line.startswith("rhaid,")]
    asked = any(kind is peers.Rhaid for kind in given.tools)
    measured = any(results.samples[setting, "rhaid"] for setting in settings)
    return 1 if asked and (ours or not measured) else 0


if __name__ == "__main__":
    sys.exit(main())
