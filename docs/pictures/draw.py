"""Draws the pictures of this folder: the way of the data, and one overlap of the bundled call from hold to confirm.

    python docs/pictures/draw.py

The numbers in `hold-to-confirm.svg` are those of the gate on `examples/demo.flac`. A test draws both again and
compares.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import soundfile

from prosody_gate import GateEventKind, GateFactory, replay

HERE = Path(__file__).resolve().parent
CALL = HERE.parents[1] / "examples" / "demo.flac"
AGENT_CHANNEL, USER_CHANNEL = 0, 1
WORDS = ((0.085, "“yeah,"), (0.53, "but"), (0.73, "wait"), (1.03, "a second”"))
"""What is said in the overlap that is drawn, and where it is written, in seconds since the onset."""

LIGHT = {
    "page": "#ffffff",
    "rim": "#d0d7de",
    "ink": "#1f2328",
    "faint": "#59636e",
    "grid": "#d8dee4",
    "ours": "#e3f2ec",
    "ours-rim": "#00805c",
    "theirs": "#f1f3f5",
    "theirs-rim": "#8c959f",
    "agent": "#8f86bf",
    "user": "#57606a",
    "held": "#fbe3d3",
    "confirm": "#c04f00",
}
DARK = {
    "page": "#0d1117",
    "rim": "#3d444d",
    "ink": "#f0f6fc",
    "faint": "#9aa4af",
    "grid": "#2b323b",
    "ours": "#0f2f26",
    "ours-rim": "#2fb58c",
    "theirs": "#1c232c",
    "theirs-rim": "#6e7781",
    "agent": "#9a90d0",
    "user": "#aab3bd",
    "held": "#43291a",
    "confirm": "#f28b45",
}
FONT = 'system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, "DejaVu Sans", sans-serif'
MONO = 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace'


def style_sheet() -> str:
    """Classes for the light page, and their colours on a dark one."""
    rules = [
        f"text {{ font-family: {FONT}; font-size: 14px; }}",
        f".code {{ font-family: {MONO}; font-size: 13px; }}",
        ".head { font-weight: 600; font-size: 15px; }",
        ".small { font-size: 12.5px; }",
        ".line { fill: none; stroke-width: 1.6; }",
        ".curve { fill: none; stroke-width: 2.4; stroke-linejoin: round; stroke-linecap: round; }",
        ".thin { fill: none; stroke-width: 1; }",
        ".dashed { stroke-dasharray: 5 4; }",
    ]
    return "\n".join([*rules, *colours(LIGHT), "@media (prefers-color-scheme: dark) {", *colours(DARK), "}"])


def colours(palette: dict[str, str]) -> list[str]:
    """A fill and a stroke for each colour: `.fill-ink`, `.stroke-ink`."""
    return [f".fill-{name} {{ fill: {hue}; }} .stroke-{name} {{ stroke: {hue}; }}" for name, hue in palette.items()]


class Picture:
    """An SVG with a card of its own behind it, so that it can be read on any page.

    Args:
        width: In pixels.
        height: In pixels.
        title: What it shows, in a few words.
        description: The same for those who cannot see it.
    """

    def __init__(self, width: int, height: int, *, title: str, description: str) -> None:
        size = {"viewBox": f"0 0 {width} {height}", "width": str(width), "height": str(height)}
        self.root = ElementTree.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **size, "role": "img"})
        ElementTree.SubElement(self.root, "title").text = title
        ElementTree.SubElement(self.root, "desc").text = description
        ElementTree.SubElement(self.root, "style").text = style_sheet()
        self.box(0.5, 0.5, width - 1, height - 1, "page", "rim", radius=10)

    def add(self, tag: str, classes: str, **attributes: object) -> ElementTree.Element:
        """Add an element; lengths are rounded to a tenth of a pixel."""
        shown = {name.replace("_", "-"): length(value) for name, value in attributes.items()}
        return ElementTree.SubElement(self.root, tag, {"class": classes, **shown})

    def box(
        self, x: float, y: float, width: float, height: float, fill: str, rim: str | None = None, *, radius: float = 8
    ) -> None:
        """A rectangle with round corners."""
        stroke = "" if rim is None else f" thin stroke-{rim}"
        classes = f"{stroke} fill-{fill}".strip()
        self.add("rect", classes, x=x, y=y, width=width, height=height, rx=radius)

    def text(self, x: float, y: float, words: str, classes: str = "", *, anchor: str = "start") -> None:
        """One line of text; `anchor` says which part of it stands at x."""
        ink = "" if "fill-" in classes else " fill-ink"
        self.add("text", f"{classes}{ink}".strip(), x=x, y=y, text_anchor=anchor).text = words

    def line(self, points: Sequence[tuple[float, float]], classes: str) -> None:
        """A line through points."""
        self.add("path", classes, d="M" + " L".join(f"{length(x)} {length(y)}" for x, y in points))

    def arrow(self, points: Sequence[tuple[float, float]], colour: str = "faint") -> None:
        """A line through points, with a head at its end; its last part is level or upright."""
        (x0, y0), (x, y) = points[-2:]
        dx, dy = np.sign(x - x0), np.sign(y - y0)
        self.line([*points[:-1], (x - 6 * dx, y - 6 * dy)], f"line stroke-{colour}")
        head = [(x, y), (x - 9 * dx - 5 * dy, y - 9 * dy - 5 * dx), (x - 9 * dx + 5 * dy, y - 9 * dy + 5 * dx)]
        corners = " ".join(f"{length(a)},{length(b)}" for a, b in head)
        self.add("polygon", f"fill-{colour}", points=corners)

    def write(self, path: Path) -> None:
        """Write the file."""
        ElementTree.indent(self.root)
        path.write_text(ElementTree.tostring(self.root, encoding="unicode") + "\n", encoding="utf-8")


def length(value: object) -> str:
    """A number with one digit after the point at most; anything else as it is."""
    return f"{round(float(value), 1):g}" if isinstance(value, int | float | np.floating) else str(value)


def draw_data_path() -> Picture:
    """Where the user's sound goes, and what the session gets of it."""
    picture = Picture(
        860,
        500,
        title="The way of the data through prosody-gate in a LiveKit agent",
        description="The microphone's audio goes to the VAD wrapper and to the STT companion. The wrapper gives the "
        "gate frames with the speech probability of the VAD inside it, the companion gives it transcripts, and the "
        "session says when the agent speaks. Wrapper and companion hold back what they have until the gate decides, "
        "and hand on to the session what it lets through.",
    )
    left, width, middle = 206, 300, 206 + 150
    # Boxes
    picture.box(24, 204, 120, 84, "theirs", "theirs-rim")
    picture.text(84, 242, "microphone", "head", anchor="middle")
    picture.text(84, 263, "the user", "small fill-faint", anchor="middle")
    for y, head, code, inside in (
        (24, "VAD wrapper", "gate.vad(...)", "your VAD: Silero, or another"),
        (354, "STT companion", "gate.stt(...)", "your speech-to-text"),
    ):
        picture.box(left, y, width, 90, "ours", "ours-rim")
        picture.text(left + 16, y + 27, head, "head")
        picture.text(left + width - 16, y + 27, code, "code fill-faint", anchor="end")
        picture.box(left + 16, y + 42, width - 32, 34, "theirs", "theirs-rim", radius=6)
        picture.text(middle, y + 64, inside, "small", anchor="middle")
    picture.box(left, 186, width, 120, "ours", "ours-rim")
    picture.text(left + 16, 213, "gate", "head")
    picture.text(left + width - 16, 213, "ProsodyGate()", "code fill-faint", anchor="end")
    picture.text(left + 16, 240, "evidence: words, time, voice,", "small")
    picture.text(left + 16, 258, "on-device listener, context", "small")
    picture.text(left + 16, 288, "hold, then confirm, cancel or release", "small fill-confirm")
    picture.box(700, 24, 136, 420, "theirs", "theirs-rim")
    picture.text(768, 196, "AgentSession", "head", anchor="middle")
    for y, words in ((221, "turns, model,"), (239, "agent's speech")):
        picture.text(768, y, words, "small fill-faint", anchor="middle")
    # From the microphone
    picture.arrow([(84, 204), (84, 69), (left, 69)])
    picture.arrow([(84, 288), (84, 399), (left, 399)])
    picture.text(98, 60, "audio", "small fill-faint")
    picture.text(98, 390, "audio", "small fill-faint")
    # Between the parts and the gate
    for x, start, end in ((left + 40, 114, 186), (left + 40, 354, 306)):
        picture.arrow([(x, start), (x, end)])
    for x, start, end in ((left + width - 40, 186, 114), (left + width - 40, 306, 354)):
        picture.arrow([(x, start), (x, end)], "confirm")
    picture.text(left + 52, 146, "frames of 32 ms,", "small fill-faint")
    picture.text(left + 52, 163, "speech probability", "small fill-faint")
    picture.text(left + 52, 335, "transcripts", "small fill-faint")
    picture.text(left + width - 52, 155, "decision", "small fill-confirm", anchor="end")
    picture.text(left + width - 52, 335, "decision", "small fill-confirm", anchor="end")
    # To and from the session
    edge = left + width
    picture.arrow([(edge, 69), (700, 69)])
    picture.text(edge + 14, 44, "VAD events of the speech", "small")
    picture.text(edge + 14, 60, "that was let through", "small")
    picture.arrow([(700, 246), (edge, 246)])
    picture.text(edge + 14, 221, "agent starts, agent stops", "small")
    picture.text(edge + 14, 237, "gate.attach(session)", "code fill-faint")
    picture.arrow([(edge, 399), (700, 399)])
    picture.text(edge + 14, 374, "transcripts, without the", "small")
    picture.text(edge + 14, 390, "words that were cancelled", "small")
    # Legend
    picture.box(206, 465, 18, 14, "ours", "ours-rim", radius=3)
    picture.text(232, 477, "prosody-gate", "small")
    picture.box(340, 465, 18, 14, "theirs", "theirs-rim", radius=3)
    picture.text(366, 477, "yours and LiveKit's, unchanged. While the agent is silent, all passes as it is.", "small")
    return picture


def draw_hold_to_confirm() -> Picture:
    """One overlap of the bundled call: the sound, the state of the gate, and P(interruption) frame by frame."""
    gates = GateFactory()
    options = gates.options
    result = replay(CALL, gates.gate(), agent_channel=AGENT_CHANNEL, user_channel=USER_CHANNEL, trace=True)
    confirm = next(event for event in result.decisions if event.kind is GateEventKind.CONFIRM)
    hold = next(event for event in result.events if event.overlap == confirm.overlap)
    onset = hold.onset
    curve = [
        (point.time - onset, point.probability)
        for point in result.trace
        if hold.time <= point.time < confirm.time and point.probability == point.probability
    ]
    curve.append((confirm.latency, confirm.probability))

    picture = Picture(
        860,
        520,
        title=f"From hold to confirm: {1000 * confirm.latency:.0f} ms of the bundled call",
        description=f"The user says “yeah, but wait a second” over the agent. The gate holds the interruption back "
        f"{1000 * hold.latency:.0f} ms after the onset. P(interruption) falls during “yeah” and rises with “but”. "
        f"After {1000 * confirm.latency:.0f} ms it passes {options.confirm_probability}: the gate confirms, and the "
        "agent stops.",
    )
    left, right, first, last = 150.0, 828.0, -0.2, 1.3

    def at(seconds: float) -> float:
        return left + (right - left) * (seconds - first) / (last - first)

    # The time held, behind everything
    top, bottom = 92.0, 462.0
    picture.box(at(hold.latency), top, at(confirm.latency) - at(hold.latency), bottom - top, "held", radius=0)
    for tick in np.arange(0.0, last, 0.2):
        picture.line([(at(tick), top), (at(tick), bottom)], "thin stroke-grid")
        picture.text(at(tick), bottom + 20, f"{1000 * tick:.0f}", "small fill-faint", anchor="middle")
    picture.text(right, bottom + 42, "ms since the onset", "small fill-faint", anchor="end")
    # What happened, above
    picture.text(at(0.0) - 7, 44, "onset", "head", anchor="end")
    picture.text(at(0.0) - 7, 64, "first speech frame", "small fill-faint", anchor="end")
    for event, words, colour in (
        (hold, "the session gets nothing yet", "ink"),
        (confirm, "the session gets it all", "confirm"),
    ):
        place = at(event.latency) + 7
        picture.text(place, 44, f"{event.kind} at {1000 * event.latency:.0f} ms", f"head fill-{colour}")
        picture.text(place, 64, words, "small fill-faint")
    for seconds, colour in ((0.0, "faint"), (hold.latency, "faint"), (confirm.latency, "confirm")):
        picture.line([(at(seconds), 30), (at(seconds), bottom)], f"line stroke-{colour}")
    # Rows
    label = left - 16
    picture.text(label, 118, "agent", anchor="end")
    picture.box(left, 104, at(confirm.latency) - left, 20, "agent", radius=3)
    picture.text(at(confirm.latency) + 10, 119, "stops here", "small fill-confirm")
    picture.text(label, 183, "user", anchor="end")
    for begin, word in WORDS:
        picture.text(at(begin), 142, word, "small")
    outline = envelope(onset + first, onset + last, columns=340)
    across = np.linspace(left, right, len(outline))
    above = [(x, 184 - 34 * highest) for x, (_, highest) in zip(across, outline, strict=True)]
    below = [(x, 184 - 34 * lowest) for x, (lowest, _) in zip(across, outline, strict=True)]
    picture.line([*above, *reversed(below)], "fill-user")
    picture.text(label, 253, "gate", anchor="end")
    for start, end, words, fill, rim in (
        (first, hold.latency, "idle", "theirs", "theirs-rim"),
        (hold.latency, confirm.latency, "holding", "held", "confirm"),
        (confirm.latency, last, "passing: the user has the floor", "theirs", "theirs-rim"),
    ):
        picture.box(at(start), 236, at(end) - at(start), 26, fill, rim, radius=3)
        picture.text((at(start) + at(end)) / 2, 253, words, "small", anchor="middle")
    low, high = 446.0, 290.0
    for share in (0.0, 0.5, 1.0):
        y = low + (high - low) * share
        picture.line([(left, y), (at(confirm.latency) if share == 0.5 else right, y)], "thin stroke-grid")
        picture.text(label, y + 4, f"{share:g}", "small fill-faint", anchor="end")
    picture.text(label, 334, "P(interruption)", anchor="end")
    threshold = low + (high - low) * options.confirm_probability
    picture.line([(left, threshold), (right, threshold)], "line dashed stroke-confirm")
    picture.text(
        right, threshold - 7, f"confirm from {options.confirm_probability} on", "small fill-confirm", anchor="end"
    )
    picture.line([(at(seconds), low + (high - low) * share) for seconds, share in curve], "curve stroke-ink")
    x, y = at(confirm.latency), low + (high - low) * confirm.probability
    picture.add("circle", "fill-confirm", cx=x, cy=y, r=5.5)
    picture.text(x + 16, 345, f"P = {confirm.probability:.2f}", "head fill-confirm")
    picture.text(x + 92, 345, "evidence, in nats:", "small fill-faint")
    shares = [(name, nats) for name, nats in confirm.evidence.items() if abs(nats) >= 0.05]
    for row, (name, nats) in enumerate(shares):
        picture.text(x + 92, 366 + 19 * row, name, "small")
        picture.text(x + 192, 366 + 19 * row, f"{nats:+.1f}".replace("-", "−"), "small", anchor="end")
    picture.text(at(0.13), 424, "“yeah” alone: a backchannel", "small fill-faint")
    picture.text(at(0.57), 352, "“but”: more than that", "small fill-faint", anchor="end")
    return picture


def envelope(start: float, end: float, *, columns: int) -> list[tuple[float, float]]:
    """Lowest and highest sample of the user's channel in each of `columns` parts, as shares of the loudest one."""
    rate = soundfile.info(CALL).samplerate
    samples, _ = soundfile.read(CALL, start=round(start * rate), stop=round(end * rate), dtype="float32")
    parts = np.array_split(samples[:, USER_CHANNEL], columns)
    loudest = max(float(np.abs(part).max()) for part in parts)
    return [(float(part.min()) / loudest, float(part.max()) / loudest) for part in parts]


PICTURES = {"data-path.svg": draw_data_path, "hold-to-confirm.svg": draw_hold_to_confirm}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=HERE, help="folder for the pictures")
    folder: Path = parser.parse_args().output
    for name, draw in PICTURES.items():
        draw().write(folder / name)
        print(folder / name)


if __name__ == "__main__":
    main()
