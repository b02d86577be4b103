"""Medians, spreads and ratios of the samples, as Markdown and as JSON."""

from collections import defaultdict
from dataclasses import asdict, dataclass
from statistics import median

from probe import Sample

REFERENCE = "rhaid"


@dataclass(frozen=True)
class Setting:
    """What all tools are asked for in one table."""

    connections: int
    # How long the target holds each answer; zero for none.
    held_ms: float

    def title(self) -> str:
        held = f", answers held for {self.held_ms:g} ms" if self.held_ms else ""
        return f"{self.connections} connections{held}"


class Results:
    """Samples by setting, tool and round; and why there are none."""

    def __init__(self, tools: list, settings: list[Setting]):
        self.tools = tools
        self.settings = settings
        self.samples: dict[tuple[Setting, str], dict[int, Sample]] = defaultdict(dict)
        self.failures: dict[tuple[Setting, str], list[str]] = defaultdict(list)
        self.missing: dict[str, str] = {}

    def of(self, setting: Setting, tool: str, field: str) -> list[float]:
        values = (getattr(sample, field) for sample in self.samples[setting, tool].values())
        return [value for value in values if value is not None]

    def ratios(self, setting: Setting, tool: str) -> list[float]:
        """rhaid's throughput over the tool's, round by round: what disturbs a round disturbs both."""
        ours, theirs = self.samples[setting, REFERENCE], self.samples[setting, tool]
        rounds = sorted(ours.keys() & theirs.keys())
        return [ours[r].throughput_per_s / theirs[r].throughput_per_s for r in rounds]

    def problems(self) -> list[str]:
        """What does not add up, a line each."""
        lines = []
        for (setting, tool), rounds in self.samples.items():
            for round_, sample in sorted(rounds.items()):
                lines += [f"{tool}, {setting.title()}, round {round_ + 1}: {p}" for p in sample.problems]
        for (setting, tool), failures in self.failures.items():
            lines += [f"{tool}, {setting.title()}: {failure}" for failure in failures]
        return lines


def with_range(values: list[float], digits: int = 0) -> str:
    """The median, with the least and the most when there are several."""
    if not values:
        return "n/a"
    middle = f"{median(values):,.{digits}f}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


def table(results: Results, setting: Setting) -> list[str]:
    head = ["tool", "does", "requests/s", "rhaid ÷ tool", "CPU µs a request", "peak MiB", "target busy"]
    if setting.held_ms:
        head += ["p50 error ms", "p99 error ms"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for tool in results.tools:
        if not results.samples[setting, tool.name]:
            continue

        def cell(field: str, digits: int = 0) -> str:
            return with_range(results.of(setting, tool.name, field), digits)

        ratio = "1" if tool.name == REFERENCE else with_range(results.ratios(setting, tool.name), 2)
        busy = median(results.of(setting, tool.name, "target_busy"))
        rate, cpu, peak = cell("throughput_per_s"), cell("cpu_us_per_request", 1), cell("peak_mib")
        cells = [tool.name, tool.does, rate, ratio, cpu, peak, f"{busy:.0%}"]
        if setting.held_ms:
            cells += [cell("p50_error_ms", 2), cell("p99_error_ms", 2)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def markdown(results: Results, about: dict) -> str:
    versions = ", ".join(f"{tool.name} {tool.version}" for tool in results.tools)
    lines = [
        f"{about['rounds']} rounds of {about['seconds']:g} s, interleaved; {about['machine']}; {versions}.",
        "A median, then the least and the most of all rounds.",
    ]
    for setting in results.settings:
        lines += ["", f"### {setting.title()}", "", *table(results, setting)]
    for heading, notes in (
        ("Could not be had", [f"{tool}: {why}" for tool, why in results.missing.items()]),
        ("Does not add up", results.problems()),
    ):
        if notes:
            lines += ["", f"{heading}:", "", *(f"- {note}" for note in notes)]
    return "\n".join(lines) + "\n"


def as_json(results: Results, about: dict) -> dict:
    """Everything that was measured."""
    settings = []
    for setting in results.settings:
        tools = []
        for tool in results.tools:
            rounds = results.samples[setting, tool.name]
            tools.append(
                {
                    "tool": tool.name,
                    "ratio_of_rhaid": results.ratios(setting, tool.name),
                    "rounds": [{"round": r + 1, **asdict(sample)} for r, sample in sorted(rounds.items())],
                    "failures": results.failures[setting, tool.name],
                }
            )
        settings.append({**asdict(setting), "tools": tools})
    versions = {tool.name: tool.version for tool in results.tools}
    return {"version": 1, **about, "tools": versions, "missing": results.missing, "settings": settings}
