#!/usr/bin/env python3
"""Builds the fuzzer of responses and runs it over its corpus.

    python3 tests/fuzz/run.py --seconds 3600

It is libFuzzer with the pinned toolchain: the compiler's own instrumentation needs no nightly, and there is no unsafe code for a
sanitizer to watch. First it has to find a failure that is there on purpose, so that a fuzzer that finds nothing is noticed.
What it finds to be new stays in `target/fuzz/found`; an input that fails is kept there too, and belongs into `tests/fuzz/corpus`
with a name that says what it is, once it is mended. Needs a C++ compiler. Exits with 1 when an input fails.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

FUZZ = Path(__file__).resolve().parent
CORPUS = FUZZ / "corpus"
TARGET = FUZZ.parent.parent / "target" / "fuzz"
FOUND = TARGET / "found"
TRIPLE = "x86_64-unknown-linux-gnu"
# What libFuzzer is told by: counters of edges, their places, and what was compared with what.
FLAGS = [
    # By which crates know that they are fuzzed.
    "--cfg fuzzing",
    "-Cpasses=sancov-module",
    *(
        f"-Cllvm-args={flag}"
        for flag in [
            "-sanitizer-coverage-level=4",
            "-sanitizer-coverage-inline-8bit-counters",
            "-sanitizer-coverage-pc-table",
            "-sanitizer-coverage-trace-compares",
            "-simplifycfg-branch-fold-threshold=0",
        ]
    ),
    "-Ccodegen-units=1",
]
# The failure on purpose takes two to twenty seconds of one core.
CANARY_WITHIN_S = 240


def build() -> Path:
    env = {**os.environ, "RUSTFLAGS": " ".join(FLAGS), "CARGO_TARGET_DIR": str(TARGET)}
    words = ["cargo", "build", "--release", "--locked", "--target", TRIPLE]
    subprocess.run(words, cwd=FUZZ, env=env, check=True)
    return TARGET / TRIPLE / "release" / "response"


def fuzz(program: Path, folders: list[Path], options: list[str], **env: str) -> subprocess.CompletedProcess:
    words = [str(program), *map(str, folders), f"-dict={FUZZ / 'response.dict'}", "-max_len=4096", *options]
    known = {**os.environ, **env}
    return subprocess.run(words, env=known, stderr=subprocess.PIPE, text=True, errors="replace", check=False)


def finds_what_is_there(program: Path) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        # One answer with two interim responses; it takes seventeen to fail.
        (place / "interim").write_bytes((CORPUS / "interim").read_bytes())
        options = [f"-max_total_time={CANARY_WITHIN_S}", "-seed=1", f"-artifact_prefix={place}/"]
        done = fuzz(program, [place], options, RHAID_FUZZ_CANARY="1")
        return done.returncode != 0 and "the canary" in done.stderr


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=60, help="how long [default: %(default)s]")
    parser.add_argument("--seed", type=int, default=0, help="0 is another one each time [default: %(default)s]")
    given = parser.parse_args()
    program = build()
    if not finds_what_is_there(program):
        print(f"the fuzzer did not find in {CANARY_WITHIN_S} s the failure that is there on purpose")
        return 1
    FOUND.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={given.seconds}", f"-seed={given.seed}", f"-artifact_prefix={FOUND}/failed-"]
    done = fuzz(program, [FOUND, CORPUS], [*options, "-timeout=10", "-rss_limit_mb=512", "-print_final_stats=1"])
    if done.returncode != 0:
        print(done.stderr[-4000:])
        return 1
    runs = re.search(r"number_of_executed_units:\s*(\d+)", done.stderr)
    print(f"{int(runs.group(1)) if runs else 0:,} responses in {given.seconds} s, and none of them failed")
    return int(runs is None)


if __name__ == "__main__":
    sys.exit(main())
