"""All lanes in the profile ``smoke``, on a file log, and the burst on Kafka too where it can be had.

``python -m platform_assets_tests.lanes.smoke``: what `.ci/run` does when the tests are over and the
machine is quiet. Lanes of several homes run at once, which a minute of little load allows. Each has to
come to PASS, and its evidence has to verify; the verdicts are printed, and what was not kept.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platform_assets.examples.home import create_home
from platform_assets.lanes.plan import LANES
from platform_assets_tests.cli.calls import call, start
from platform_assets_tests.servers.kafka_jars import java, kafka_jars
from platform_assets_tests.servers.processes import NoServer

if TYPE_CHECKING:
    import subprocess

_KAFKA = Path(__file__).with_name("targets") / "kafka.yaml"


def main() -> None:
    """Take the lanes, print their verdicts, and fail unless all of them passed."""
    begun: dict[str, tuple[Path, subprocess.Popen[str]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        try:
            for name, given in _lanes().items():
                home = Path(folder) / name.replace(" ", "_")
                begun[name] = home, _begun(home, *given)
            passed = [_passed(name, home, lane) for name, (home, lane) in begun.items()]
        finally:
            for _, lane in begun.values():
                lane.kill()
                lane.wait()
    if not all(passed):
        sys.exit("a lane did not pass")


def _lanes() -> dict[str, tuple[object, ...]]:
    found: dict[str, tuple[object, ...]] = {lane: (lane,) for lane in LANES}
    try:
        java()
        kafka_jars()
    except NoServer as error:
        _tell(f"no burst on Kafka: {error}")
        return found
    return found | {"burst on Kafka": ("burst", "--target", _KAFKA)}


def _begun(home: Path, *given: object) -> subprocess.Popen[str]:
    create_home(home, [])
    return start("lane", *given, "--profile", "smoke", "--home", home, "--json")


def _passed(name: str, home: Path, lane: subprocess.Popen[str]) -> bool:
    out, err = lane.communicate()
    answer: dict[str, Any] = json.loads(out)
    _tell(f"{name}: {answer.get('verdict', answer)}")
    for each in (*answer.get("thresholds", ()), *answer.get("requirements", ())):
        if each.get("verdict", "PASS") != "PASS" or not each.get("satisfied", True):
            _tell(f"  {each}")
    if lane.returncode:
        _tell(err[-2000:])
        return False
    return call("verify", answer["lane_run"], "--home", home).code == 0


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
