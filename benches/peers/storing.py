"""What storing a run and showing it live cost: rhaid against itself."""

import json
import sys
from pathlib import Path

import tools as peers
from comparison import Comparison
from probe import Job, Told


class Bare(peers.Rhaid):
    name = "bare"
    does = "nothing stored, nothing shown"
    store = ("--no-db",)


class Stored(peers.Rhaid):
    name = "stored"
    does = "stored"


class Watched(peers.Rhaid):
    """A run of `rhaid serve`, the only one that is shown live. One reader follows its feed to the end."""

    name = "watched"
    does = "stored, live feed with one reader"

    def command(self, job: Job) -> list[str]:
        follow = str(Path(__file__).with_name("follow.py"))
        load = [job.url, str(job.connections), str(job.load_s)]
        # `rhaid serve` has no option for threads: a run has one for each core, and this one is kept on one.
        return [sys.executable, follow, str(self.program), str(peers.HERE / self.script), *load]

    def read(self, job: Job, printed: str) -> Told:
        followed = json.loads(printed)
        told = self.told(followed["run"], job)
        # Two snapshots a second, but for those that would be of less than a second.
        if followed["snapshots"] < 2 * (job.load_s - 1):
            told.failed += 1
        return told


class Storing(Comparison):
    """The same load with nothing kept, kept as usual, and kept and watched."""

    tools = (Bare, Stored, Watched)
    reference = Bare.name
    needed = (Bare.name, Stored.name, Watched.name)
    # The goal is 2 %.
    digits = 3
