#!/usr/bin/env python3
"""Builds rhaid with the compiler's knowledge of what rhaid does under load (profile-guided optimization).

    python3 deploy/optimized.py

The program is built once so that it notes what it runs, makes loads on this machine for some seconds, and is built again with
these notes. A scripted request then takes it less time of its own; docs/performance.md has the figures. What it does is the
same. It takes two builds' time and leaves the program in `target/optimized/release/rhaid`.

Needs the compiler's `llvm-profdata`: `rustup component add llvm-tools`, or Debian's package `llvm-N` with the N of
`rustc -vV`. Exits with 1 when it is missing or a step fails.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

REPOSITORY = Path(__file__).resolve().parent.parent
# Each load goes on for so long, unless told otherwise: what is done often has been done some hundred thousand times by then.
LOAD_S = 5
# A load that has not ended by then never will.
LOAD_WITHIN_S = 120
# What rhaid is built for, and what it is compared by: whole journeys, and one request for few users and for many.
JOURNEY = REPOSITORY / "benches" / "peers" / "journey.rhai"
ONE_CHECK = Path("check.rhai")
ONE_CHECK_TEXT = """fn request(user) {
    let answer = user.get("/api/health");
    check(answer, "status is 200", answer.status == 200);
}
"""
LOADS = [(JOURNEY, 20), (ONE_CHECK, 50), (ONE_CHECK, 1000)]
# What fails is no guide to what succeeds. Numbers that cannot be trusted do: nobody reads them here.
JUDGED = ["--threshold", "http_req_failed: rate==0", "--threshold", "checks: rate==1", "--allow-invalid"]


def fail(message: str) -> NoReturn:
    sys.exit(f"error: {message}")


def compiler(*words: str) -> str:
    try:
        return subprocess.run(["rustc", *words], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        fail(f"`rustc {' '.join(words)}` failed: {error}")


def profdata() -> Path:
    """The tool that reads the notes. Its format goes with the compiler's version."""
    told = dict(re.findall(r"^(host|LLVM version): (\S+)", compiler("-vV"), re.MULTILINE))
    major = told["LLVM version"].partition(".")[0]
    name = "llvm-profdata"
    places = [
        Path(compiler("--print", "sysroot").strip()) / "lib" / "rustlib" / told["host"] / "bin" / name,
        Path(f"/usr/lib/llvm-{major}/bin/{name}"),
        Path(shutil.which(f"{name}-{major}") or ""),
    ]
    for place in places:
        if place.is_file():
            return place
    fail(f"no {name} for LLVM {major}: `rustup component add llvm-tools`, or `apt-get install llvm-{major}`")


def build(folder: Path, flag: str) -> Path:
    """Builds with one more flag for the compiler, into a folder of its own."""
    flags = [*os.environ.get("RUSTFLAGS", "").split(), flag]
    # So encoded, a path may have spaces.
    env = {**os.environ, "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(flags), "CARGO_TARGET_DIR": str(folder)}
    words = ["cargo", "build", "--release", "--locked", "--bin", "rhaid"]
    if subprocess.run(words, cwd=REPOSITORY, env=env, check=False).returncode != 0:
        fail("the build failed")
    return folder / "release" / "rhaid"


def load(program: Path, folder: Path, seconds: int) -> None:
    """Makes every load once, from this folder; the service is the sample one."""
    (folder / ONE_CHECK).write_text(ONE_CHECK_TEXT, encoding="utf-8")
    for script, users in LOADS:
        words = [str(program), "run", str(script), "--demo", "--vus", str(users), "--duration", f"{seconds}s"]
        words += ["--quiet", *JUDGED]
        shown = " ".join(words)
        env = {**os.environ, "LLVM_PROFILE_FILE": str(folder / "%m-%p.profraw")}
        try:
            ended = subprocess.run(words, cwd=folder, env=env, stdout=subprocess.DEVNULL, timeout=LOAD_WITHIN_S, check=False)
        except subprocess.TimeoutExpired:
            fail(f"`{shown}` did not end")
        if ended.returncode != 0:
            fail(f"`{shown}` exited with {ended.returncode}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--profdata", type=Path, metavar="PROGRAM", help="this llvm-profdata [default: the compiler's own]")
    parser.add_argument("--seconds", type=int, default=LOAD_S, help="of each load [default: %(default)s]")
    parser.add_argument("--only-load", type=Path, metavar="PROGRAM", help="make the loads with this rhaid, and build nothing")
    given = parser.parse_args()
    if given.only_load:
        with tempfile.TemporaryDirectory() as folder:
            load(given.only_load.absolute(), Path(folder), given.seconds)
        return
    if given.profdata and not given.profdata.is_file():
        fail(f"there is no {given.profdata}")
    tool = given.profdata or profdata()
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")).absolute()
    noting, notes = target / "noting", target / "notes"
    # What the build itself runs is noted as well, and not used.
    program = build(noting, f"-Cprofile-generate={noting / 'of-building'}")
    shutil.rmtree(notes, ignore_errors=True)
    notes.mkdir(parents=True)
    load(program, notes, given.seconds)
    merged = notes / "merged.profdata"
    if subprocess.run([tool, "merge", "-o", merged, *sorted(notes.glob("*.profraw"))], check=False).returncode != 0:
        fail(f"{tool} could not read the notes")
    optimized = build(target / "optimized", f"-Cprofile-use={merged}")
    print(f"built {optimized}")


if __name__ == "__main__":
    main()
