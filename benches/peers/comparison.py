"""What a comparison is made of: tools that are asked for the same, and the target on which they are."""

from pathlib import Path

import tools as peers
from probe import Job, NullTarget, Target
from table import Setting


class Comparison:
    """Tools side by side, `reference` being the one that all are held against."""

    tools: tuple[type[peers.Tool], ...] = ()
    reference = peers.Rhaid.name
    # Those without whose figures, or with counts of whose that do not add up, there is no comparison.
    needed: tuple[str, ...] = (peers.Rhaid.name,)
    # Connections and users: one table for each number.
    connections = "50"
    # How long answers are held in one more table; zero for none. Not every target can hold them.
    held_ms = 0.0
    can_hold = True
    # Digits of ratios.
    digits = 2

    def __init__(self) -> None:
        # Set by `prepare`.
        self.program = Path()

    def prepare(self, target: Path | None) -> None:
        """Makes the target ready: the given one, or the repository's. Raises `Missing`."""
        self.program = target or peers.build("--example", "null-target") / "examples" / "null-target"

    def tool_cores(self, cores: tuple[int, int]) -> str:
        """Where the tools run, as taskset has it."""
        return str(cores[1])

    def target(self, setting: Setting, core: int) -> Target:
        """Starts a target."""
        return NullTarget(self.program, core, setting.held_ms)

    def differences(self, tools: list[peers.Tool], cores: tuple[int, int], job: Job) -> list[str]:
        """In what the tools, asked for the same, do not do the same. `job` is a short one of one user."""
        return []


class Peers(Comparison):
    """rhaid and other tools: one request and one check, over and over."""

    tools = peers.ALL
    connections = "50,1000"
    held_ms = 20.0
