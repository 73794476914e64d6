"""Where each step of the platform spends its time: a flame graph and the functions that take the most.

Runs every step in a process of its own under py-spy, workers included, and draws what it saw of threads
that were at work. A thread in a call to Polars, Arrow or DuckDB counts for the function that called;
one that waits for a worker, a thread or a queue does not count, nor does starting Python and importing.
Samples of all processes are added up: a width is a share of the work, not of the time that passed.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import inputs, sizes
from benchmarks.feed import write_home
from benchmarks.measure import ContenderFailed
from benchmarks.tables import machine, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

STEPS = ("pin", "land", "admit", "build", "certify", "close")
_DRAWN = ("land", "admit", "build", "certify")
_RATE = 50
_ROOT = Path(__file__).parents[1]
_SPY = Path(sys.executable).with_name("py-spy")
#: Where threads wait for others; the file of a frame that ends a stack.
_WAITS = re.compile(
    r"\((threading|selectors|queue|socket|subprocess|concurrent/futures/\w+|multiprocessing/\w+"
    r"|rich/\w+|platform_assets/adapters/worker)\.py"
)
_PROCESS = re.compile(r'process \d+:".*";')
_IMPORT = re.compile(r"<module> \(|_find_and_load")
_LINE = re.compile(r":\d+\)$")
_OURS = "(platform_assets/"
_WIDTH, _ROW, _LEAST = 1_000, 18, 0.004
_LETTER = 6.6
_COLOURS = {True: "#7fb2e5", False: "#efc27b"}

Stack = tuple[str, ...]


def profiled(home: Path, step: str) -> Counter[Stack]:
    """Run a step under the profiler and return how often each stack was seen at work.

    Raises:
        ContenderFailed: it exited with an error.
    """
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw"
        spy = ["--subprocesses", "--idle", "--function", "--rate", str(_RATE), "--format", "raw"]
        arguments = json.dumps({"home": str(home), "steps": [step]})
        found = subprocess.run(
            [
                *(str(_SPY), "record", *spy, "--output", str(raw), "--"),
                *(sys.executable, "-m", "benchmarks.contenders.platform", arguments),
            ],
            cwd=_ROOT,
            check=False,
            capture_output=True,
            text=True,
        )
        if found.returncode != 0:
            raise ContenderFailed(f"{step} exited with {found.returncode}:\n{found.stderr[-2000:]}")
        return working(raw.read_text().splitlines())


def working(lines: Sequence[str]) -> Counter[Stack]:
    """Return the stacks of the profiler's lines that were at work, from our first frame on.

    Raises:
        ValueError: none was.
    """
    stacks: Counter[Stack] = Counter()
    for line in lines:
        text, _, count = line.rpartition(" ")
        frames = [_LINE.sub(")", frame) for frame in _PROCESS.sub("", text).split(";")]
        ours = next((at for at, frame in enumerate(frames) if _OURS in frame), len(frames))
        stack = tuple(frames[ours:])
        if stack and not _WAITS.search(stack[-1]) and not any(map(_IMPORT.match, stack)):
            stacks[stack] += int(count)
    if not stacks:
        raise ValueError("the profiler saw none of our functions at work; take more events")
    return stacks


def heaviest(stacks: Mapping[Stack, int], most: int) -> list[tuple[str, float]]:
    """Return the functions of ours with the largest shares, with what they call outside of ours."""
    own: Counter[str] = Counter()
    for stack, count in stacks.items():
        own[next(frame for frame in reversed(stack) if _OURS in frame)] += count
    total = sum(own.values())
    return [(frame, count / total) for frame, count in own.most_common(most)]


def draw(stacks: Mapping[Stack, int], title: str) -> str:
    """Return the flame graph as SVG, callers above what they call."""
    total = sum(stacks.values())
    bars = list(_bars(dict(stacks), 0, 0.0, total))
    height = _ROW * (2 + max((row for row, *_ in bars), default=0)) + _ROW
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
            '<g font-family="monospace" font-size="11">',
            f'<text x="2" y="13" fill="#808890">{escape(title)}</text>',
            *(_bar(*bar) for bar in bars),
            "</g>",
            "</svg>\n",
        ]
    )


def _bars(
    stacks: dict[Stack, int], row: int, x: float, total: int
) -> Iterator[tuple[int, float, float, str]]:
    """Yield row, place, width and frame of every bar that is wide enough to be seen."""
    children: dict[str, dict[Stack, int]] = {}
    for stack, count in stacks.items():
        if stack:
            children.setdefault(stack[0], {})[stack[1:]] = count
    for frame, below in sorted(children.items()):
        count = sum(below.values())
        if count / total >= _LEAST:
            yield row, x, count / total, frame
            yield from _bars(below, row + 1, x, total)
        x += count / total


def _bar(row: int, x: float, width: float, frame: str) -> str:
    at, wide, y = round(x * _WIDTH, 1), round(width * _WIDTH, 1), (row + 1) * _ROW
    name = frame.partition(" (")[0].replace(".<locals>", "")[: int(wide / _LETTER)]
    words = f'<text x="{at + 2}" y="{y + 13}">{escape(name)}</text>' if len(name) > 2 else ""  # noqa: PLR2004 - fewer letters say nothing
    return (
        f"<g><title>{escape(frame)} {width:.1%}</title>"
        f'<rect x="{at}" y="{y}" width="{wide}" height="{_ROW - 1}" fill="{_COLOURS[_OURS in frame]}"/>'
        f"{words}</g>"
    )


def main() -> None:
    """Profile a run and write a picture for each step that takes time."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.flames",
        description=__doc__,
        epilog="example: python -m benchmarks.flames --work /data/bench --into docs/flames",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--events", type=sizes.parse, default=2_000_000)
    parser.add_argument("--work", type=Path, help="folder for the input, which stays, and the home")
    parser.add_argument("--into", type=Path, help="folder for the pictures; none are drawn without")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = (given.work or Path(temporary)).absolute()
        log = work / f"input-{sizes.label(given.events)}"
        inputs.write_input(log, given.events)
        with tempfile.TemporaryDirectory(dir=work) as home:
            write_home(Path(home), log / "log")
            seen = {step: profiled(Path(home), step) for step in STEPS}
    rows = [
        (step, f"{share:.0%}", frame)
        for step, stacks in seen.items()
        for frame, share in heaviest(stacks, 8)
    ]
    print_table(f"{sizes.label(given.events)} events, {machine()}", ("step", "of it", "in"), rows)
    for step in _DRAWN if given.into else ():
        given.into.mkdir(parents=True, exist_ok=True)
        title = f"{step}, {sizes.label(given.events)} events: width is the share of the work"
        (given.into / f"{step}.svg").write_text(draw(seen[step], title))


if __name__ == "__main__":
    main()
