"""Launchers of jobs: what runs a job of another engine to its end, here or elsewhere.

A launcher knows how a job is started and watched, and nothing of what it makes. What the job is told
and what it answers are files, which whoever launches it hands over and takes back.
"""

from __future__ import annotations

from typing import Protocol


class JobLauncher(Protocol):
    """Runs jobs."""

    def run(self, name: str, description: str) -> None:
        """Run the job of a description, a path or URI, and return when it has ended well.

        Whether it did what it was told is for its answer to say.

        Raises:
            EngineMissing: what runs the job is not installed or not declared.
            JobFailed: it did not start, or ended otherwise than well; the error says which log tells.
        """
