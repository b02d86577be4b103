#!/usr/bin/env python3
"""Compares rhaid with its peers: the same target, the same cores, one after the other in rounds.

    python3 benches/peers/run.py
    python3 benches/peers/run.py --tools rhaid,wrk,k6 --rounds 3 --json peers.json
    python3 benches/peers/run.py journey
    python3 benches/peers/run.py storing
    python3 benches/peers/run.py threads

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
from http.client import HTTPException
from pathlib import Path

# Nothing but target/peers and the files that are asked for is written.
sys.dont_write_bytecode = True

import tools as peers
from comparison import Comparison, Peers
from journey import Journey
from probe import TAIL_S, Failed, Job, measure
from storing import Storing
from table import Results, Setting, as_json, markdown
from threads import Threads

COMPARISONS: dict[str, type[Comparison]] = {"peers": Peers, "journey": Journey, "storing": Storing,
                                            "threads": Threads}

# Bounds of what may be asked for, so that a comparison ends.
MAX_ROUNDS = 50
MAX_SECONDS = 60
MAX_CONNECTIONS = 20_000
# What a tool can do to the one who measures it: not run, or say what cannot be read.
FAILURES = (Failed, OSError, ValueError, LookupError, AttributeError, HTTPException)


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
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("comparison", nargs="?", choices=COMPARISONS, default="peers",
                        help="peers: one request and one check in each tool; journey: a user of the sample service in "
                             "rhaid and k6; storing: rhaid with and without store and live feed; threads: rhaid with one "
                             "thread and more [default: peers]")
    parser.add_argument("--rounds", type=bounded(int, 1, MAX_ROUNDS), default=5)
    parser.add_argument("--seconds", type=bounded(float, 1, MAX_SECONDS), default=5.0, help="measured in each round")
    parser.add_argument("--connections", help="one table for each, separated by commas [default: 50, of peers 50,1000]")
    parser.add_argument("--held-ms", type=bounded(float, 0, 1000),
                        help="one more table with answers held for so long, to see how exact times are; 0 for none "
                             "[default: 0, of peers 20]")
    parser.add_argument("--tools", help="separated by commas [default: all of the comparison]")
    parser.add_argument("--cores", help="the target's and the tool's, such as 0,1 [default: the first two]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured")
    parser.add_argument("--rhaid", type=Path, help="this build [default: the repository's, built for release]")
    parser.add_argument("--target", type=Path, help="this null target [default: as for --rhaid]")
    given = parser.parse_args()
    given.comparison = COMPARISONS[given.comparison]()
    names = [tool.name.replace(" ", "") for tool in given.comparison.tools]
    if given.held_ms is None:
        given.held_ms = given.comparison.held_ms
    if given.held_ms and not given.comparison.can_hold:
        parser.error("the target of this comparison holds no answers")
    try:
        connections = (given.connections or given.comparison.connections).split(",")
        given.connections = [bounded(int, 1, MAX_CONNECTIONS)(text) for text in connections]
        chosen = given.tools.replace(" ", "").split(",") if given.tools else names
        given.tools = [given.comparison.tools[names.index(name)] for name in chosen]
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


def prepare(given: argparse.Namespace, results: Results) -> None:
    """Makes the target and the tools ready; says which cannot be had."""
    cache = peers.REPOSITORY / "target" / "peers"
    cache.mkdir(parents=True, exist_ok=True)
    if given.rhaid:
        peers.Rhaid.program = given.rhaid.resolve()
    try:
        given.comparison.prepare(given.target.resolve() if given.target else None)
    except peers.Missing as error:
        sys.exit(f"error: there is no target: {error}")
    for kind in given.tools:
        say(f"preparing {kind.name}")
        tool = kind(cache)
        try:
            tool.find()
            results.tools.append(tool)
        except peers.Missing as error:
            say(f"  {error}")
            results.missing[kind.name] = str(error)


def one(tool, setting: Setting, given: argparse.Namespace):
    """One measurement, with a target and a folder of its own."""
    load_s = math.ceil(tool.settle_s + given.seconds + TAIL_S)
    with (
        tempfile.TemporaryDirectory(prefix="peers-") as folder,
        given.comparison.target(setting, given.cores[0]) as target,
    ):
        job = Job(target.url, setting.connections, load_s, Path(folder))
        cores = given.comparison.tool_cores(given.cores)
        return measure(tool, job, cores, target, (tool.settle_s, given.seconds))


def look_for_differences(given: argparse.Namespace, results: Results) -> None:
    """Notes in what the tools do not do the same, before they are compared."""
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        try:
            job = Job("", 1, 2, Path(folder))
            results.differences = given.comparison.differences(results.tools, given.cores, job)
        except FAILURES as error:
            results.differences = [f"not found out: {error!r}"]
    for difference in results.differences:
        say(difference)


def compare(given: argparse.Namespace, results: Results) -> None:
    for round_ in range(given.rounds):
        for setting in results.settings:
            # Each round begins with another tool, so that none always comes after the same one.
            first = round_ % max(len(results.tools), 1)
            for tool in results.tools[first:] + results.tools[:first]:
                where = f"round {round_ + 1}, {setting.title()}, {tool.name}"
                try:
                    sample = one(tool, setting, given)
                except FAILURES as error:
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
    results = Results(given.comparison.reference, given.comparison.digits, settings)
    prepare(given, results)
    look_for_differences(given, results)
    each_s = sum(tool.settle_s + given.seconds + TAIL_S + 1.5 for tool in results.tools)
    say(f"{len(results.tools)} tools take about {each_s * len(settings) * given.rounds / 60:.0f} minutes")
    compare(given, results)
    about = {"rounds": given.rounds, "seconds": given.seconds, "machine": machine(), "cores": given.cores}
    print(markdown(results, about), end="")
    if given.json:
        given.json.write_text(json.dumps(as_json(results, about), indent=2) + "\n")
    return 0 if is_sound(given, results) else 1


def is_sound(given: argparse.Namespace, results: Results) -> bool:
    """Whether all tools that the comparison needs, and that were asked for, have figures that can be relied on."""
    needed = [tool.name for tool in given.tools if tool.name in given.comparison.needed]
    has_all = all(results.samples[setting, name] for setting in results.settings for name in needed)
    wrong = [line for line in results.problems() for name in needed if line.startswith(f"{name},")]
    return has_all and not wrong and not results.differences


if __name__ == "__main__":
    sys.exit(main())
