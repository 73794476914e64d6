"""Whether this machine runs containers: with Docker or its like."""

from __future__ import annotations

_ANSWER_SECONDS = 3


def engine_answers() -> bool:
    """Ask the engine behind Docker's own settings whether it is there."""
    import docker  # noqa: PLC0415 - slow to import, and every run of pytest loads this module
    from docker.errors import DockerException  # noqa: PLC0415

    try:
        client = docker.from_env(timeout=_ANSWER_SECONDS)
    except DockerException:
        return False
    try:
        return bool(client.ping())
    except (DockerException, OSError):
        return False
    finally:
        client.close()
