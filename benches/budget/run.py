#!/usr/bin/env python3
"""Counts the instructions of one request's path and holds them to a bound.

    python3 benches/budget/run.py

Time on a shared machine says little about a change of a few per cent; instructions are nearly the same each time. The path is
run often and three times as often under valgrind's cachegrind, without its caches; the difference has no start-up in it.
Needs valgrind. Exits with 1 above the bound.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
# Instructions of one iteration with one GET and one check, from the script's call to the sample in its series, and a tenth.
# With rustc 1.95 on x86-64 it was 3,420, give or take one in fifty.
BOUND = 3_760
# Histograms keep their first thousand values in lists, which costs less: both numbers are well beyond that.
FEW, MANY = 3_000, 9_000
WITHIN_S = 600


def instructions(program: Path, times: int) -> int:
    quiet = ["--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    words = ["valgrind", "--tool=cachegrind", *quiet, str(program), str(times)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    found = re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f"error: {' '.join(words)} failed:\n{done.stderr}")
    return int(found.group(1).replace(",", ""))


def build() -> Path:
    words = ["cargo", "build", "--release", "--locked", "--example", "request-path"]
    subprocess.run(words, cwd=REPOSITORY, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    return target / "release" / "examples" / "request-path"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bound", type=int, default=BOUND, help="instructions [default: %(default)s]")
    parser.add_argument("--program", type=Path, help="this build of `request-path` [default: build it]")
    given = parser.parse_args()
    program = given.program or build()
    each = (instructions(program, MANY) - instructions(program, FEW)) / (MANY - FEW)
    print(f"one request's path: {each:,.0f} instructions, at most {given.bound:,}")
    return int(each > given.bound)


if __name__ == "__main__":
    sys.exit(main())
