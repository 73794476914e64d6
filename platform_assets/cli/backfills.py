"""One product of many runs: what is made, what fails, and the exit code of both together.

Each run is by itself: what is made of it stands, whatever becomes of the others. Engines that take long
to start are started once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from platform_assets.cli import tables
from platform_assets.cli.failures import report_error
from platform_assets.errors import PlatformError, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from platform_assets.cli.session import Session
    from platform_assets.identifiers import RunId
    from platform_assets.pipeline import Platform, StepUse


@dataclass(frozen=True)
class Backfilled:
    """Manifests of what was made, and the error of each run of which nothing was."""

    product: str
    made: list[dict[str, Any]] = field(default_factory=list)
    failed: dict[RunId, PlatformError] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0 if all were made; 1 if any was refused; else the code of the failures."""
        if any(isinstance(error, Refusal) for error in self.failed.values()):
            return Refusal.exit_code
        return max((error.exit_code for error in self.failed.values()), default=0)

    def as_json(self, steps: Sequence[StepUse]) -> dict[str, Any]:
        """Return it as the command line's ``--json`` prints it."""
        return {
            "product": self.product,
            "made": self.made,
            "failed": [
                {"run_id": str(run), **error.as_json()} for run, error in self.failed.items()
            ],
            "steps": [step.as_json() for step in steps],
        }


def backfill(call: Session, platform: Platform, product: str, runs: Sequence[RunId]) -> Backfilled:
    """Make a product of each run, one after another, and answer with all that came of it."""
    from platform_assets.pipeline import engines_kept, noted  # noqa: PLC0415

    done = Backfilled(product)
    feeds = sorted({run.feed for run in runs})
    kept = engines_kept(platform, feeds, f"{product}-of-{len(runs)}-runs")
    with kept as running, call.progress() as progress, noted() as steps:
        for run in runs:
            with progress.act(f"{run} materialize {product}"):
                try:
                    done.made.append(made_of(running, run, product))
                except PlatformError as error:
                    done.failed[run] = error
    call.answer(done.as_json(steps), lambda console: show_made(console, done.made, steps))
    if not call.as_json:
        for failure in done.failed.values():
            report_error(failure, failure, None)
    return done


def made_of(platform: Platform, run: RunId, product: str) -> dict[str, Any]:
    """Build a product of a run, or run a consumer, and return the manifest."""
    from platform_assets.pipeline import build, consume  # noqa: PLC0415

    consumers = platform.run_configuration(run).declaration.consumers
    return (consume if product in consumers else build)(platform, run, product)


def show_made(
    console: Console, manifests: Sequence[dict[str, Any]], steps: Sequence[StepUse]
) -> None:
    """Print what was made of each run, what that used, and what comes next."""
    for manifest in manifests:
        console.print(
            f"{manifest['product']} of {manifest['run_id']}: generation {manifest['generation']}, "
            f"{manifest['rows']:,} rows, content {tables.short(manifest['content_digest'])}"
        )
    console.print(tables.steps(steps))
    for manifest in manifests:
        next_step = f"certify {manifest['product']} --run {manifest['run_id']}"
        console.print(f"Next: platform-assets {next_step}", soft_wrap=True)
