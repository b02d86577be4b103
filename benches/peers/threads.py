"""What more threads do: rhaid against itself, on all cores there are."""

import os

import tools as peers
from comparison import Comparison


class One(peers.Rhaid):
    name = "1 thread"


class Two(peers.Rhaid):
    name = "2 threads"
    threads = 2


class Four(peers.Rhaid):
    name = "4 threads"
    threads = 4


class Threads(Comparison):
    """The same load by one thread and by more. What threads shared would show as CPU: each request would cost more of it."""

    tools = (One, Two, Four)
    reference = One.name
    needed = (One.name, Two.name, Four.name)
    connections = "200"

    def tool_cores(self, cores: tuple[int, int]) -> str:
        # The target keeps the core that it was given, and the system finds the others.
        return ",".join(str(core) for core in sorted(os.sched_getaffinity(0)))
