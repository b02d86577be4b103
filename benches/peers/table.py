"""Medians, spreads and ratios of the samples, as Markdown and as JSON."""

from collections import defaultdict
from dataclasses import asdict, dataclass
from statistics import median

from probe import Sample


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

    def __init__(self, reference: str, digits: int, settings: list[Setting]):
        # The tool that all are held against, and the digits of ratios.
        self.reference = reference
        self.digits = digits
        self.tools: list = []
        self.settings = settings
        self.samples: dict[tuple[Setting, str], dict[int, Sample]] = defaultdict(dict)
        self.failures: dict[tuple[Setting, str], list[str]] = defaultdict(list)
        self.missing: dict[str, str] = {}
        # In what the tools do not do the same.
        self.differences: list[str] = []

    def of(self, setting: Setting, tool: str, field: str) -> list[float]:
        values = (getattr(sample, field) for sample in self.samples[setting, tool].values())
        return [value for value in values if value is not None]

    def ratios(self, setting: Setting, tool: str, field: str) -> list[float]:
        """The tool's figure over the reference's, round by round: what disturbs a round disturbs both."""
        ours, theirs = self.samples[setting, self.reference], self.samples[setting, tool]
        rounds = sorted(ours.keys() & theirs.keys())
        return [getattr(theirs[r], field) / getattr(ours[r], field) for r in rounds]

    def slower(self, setting: Setting, tool: str) -> list[float]:
        """How many times the tool's throughput the reference has."""
        return [1 / ratio for ratio in self.ratios(setting, tool, "throughput_per_s")]

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
    reference = results.reference
    head = ["tool", "does", "requests/s", f"{reference} ÷ tool", "CPU µs a request", f"tool ÷ {reference}"]
    head += ["peak MiB", "target busy"]
    if setting.held_ms:
        head += ["p50 error ms", "p99 error ms"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for tool in results.tools:
        if not results.samples[setting, tool.name]:
            continue

        def cell(field: str, digits: int = 0) -> str:
            return with_range(results.of(setting, tool.name, field), digits)

        slower, dearer = "1", "1"
        if tool.name != reference:
            slower = with_range(results.slower(setting, tool.name), results.digits)
            cpu_ratios = results.ratios(setting, tool.name, "cpu_us_per_request")
            dearer = with_range(cpu_ratios, results.digits)
        busy = median(results.of(setting, tool.name, "target_busy"))
        rate, cpu, peak = cell("throughput_per_s"), cell("cpu_us_per_request", 1), cell("peak_mib")
        cells = [tool.name, tool.does, rate, slower, cpu, dearer, peak, f"{busy:.0%}"]
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
        ("Is not the same", results.differences),
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
                    "reference_over_throughput": results.slower(setting, tool.name),
                    "cpu_over_reference": results.ratios(setting, tool.name, "cpu_us_per_request"),
                    "rounds": [{"round": r + 1, **asdict(sample)} for r, sample in sorted(rounds.items())],
                    "failures": results.failures[setting, tool.name],
                }
            )
        settings.append({**asdict(setting), "tools": tools})
    versions = {tool.name: tool.version for tool in results.tools}
    return {
        "version": 2,
        **about,
        "reference": results.reference,
        "tools": versions,
        "missing": results.missing,
        "differences": results.differences,
        "settings": settings,
    }
