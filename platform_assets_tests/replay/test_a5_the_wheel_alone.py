"""A5: with topic and home deleted, an archive verifies and is replayed by nothing but the wheel.

The wheel is built and put into an environment of its own. Its dependencies are those of the tests,
whose folder the environment is told of: they are a gigabyte, and not what is shown here. That folder's
own link to the sources is not followed, and a test looks that it is not.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from platform_assets.adapters.archive import open_bundle
from platform_assets.examples.home import create_home
from platform_assets.identifiers import RunId
from platform_assets.pipeline import Platform, export_run, finish, next_run

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
WINDOWS = {"earthquakes": 1000, "payments": 2600}
SECONDS = 120


@pytest.fixture(scope="module")
def wheel_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of an environment that holds the wheel."""
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        pytest.skip("uv builds the wheel, and is not on this machine")
    folder = tmp_path_factory.mktemp("wheel")
    build = [uv, "build", "--wheel", "--quiet", "--out-dir", str(folder / "dist"), str(ROOT)]
    subprocess.run(build, check=True, timeout=SECONDS)
    environment = folder / "venv"
    make = [sys.executable, "-m", "venv", "--without-pip", str(environment)]
    subprocess.run(make, check=True, timeout=SECONDS)
    (site,) = environment.glob("lib/python*/site-packages")
    (wheel,) = (folder / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return environment / "bin" / "python"


@pytest.fixture(scope="module")
def archive_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return what gives the archive of the second run of an example; its home is gone."""
    folder = tmp_path_factory.mktemp("archives")

    def make(feed: str) -> Path:
        home, out = folder / feed, folder / f"{feed}.tar"
        create_home(home, [feed])
        declared = home / "defs" / feed / "defs.yaml"
        lines = [
            line.split("max_records")[0] + f"max_records: {WINDOWS[feed]}"
            if "max_records:" in line
            else line
            for line in declared.read_text().splitlines()
        ]
        declared.write_text("\n".join(lines) + "\n")
        platform = Platform.open(home)
        for sequence in (1, 2):
            run = next_run(platform, feed)
            assert run == RunId(feed, sequence)
            finish(platform, run)
        export_run(platform, run, out, with_data=True)
        shutil.rmtree(home)
        return out

    return make


def called(python: Path, folder: Path, *arguments: object) -> Any:
    done = subprocess.run(
        [python, "-I", "-m", "platform_assets", *map(str, arguments), "--json"],
        cwd=folder,
        env={"HOME": str(folder), "PATH": "", "TMPDIR": str(folder)},
        capture_output=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
    return json.loads(done.stdout)


def test_the_environment_runs_the_wheel_and_not_the_sources(
    wheel_python: Path, tmp_path: Path
) -> None:
    where = "import platform_assets; print(platform_assets.__file__)"
    done = subprocess.run(
        [wheel_python, "-I", "-c", where], cwd=tmp_path, capture_output=True, check=True, timeout=60
    )
    assert Path(done.stdout.decode().strip()).is_relative_to(wheel_python.parents[1])


@pytest.mark.parametrize("feed", sorted(WINDOWS))
def test_a5_the_archive_verifies_and_every_part_is_reproduced(
    wheel_python: Path, archive_of: Callable[[str], Path], tmp_path: Path, feed: str
) -> None:
    archive = archive_of(feed)
    verified = called(wheel_python, tmp_path, "verify", archive)
    assert verified["verified"]
    result = called(wheel_python, tmp_path, "replay", archive)
    assert (result["verdict"], result["decided_by"]) == ("REPRODUCED", "part digests")
    assert result["engines"] == {}
    own = f"runs/{feed}-00000002/"
    made = [
        path
        for path in open_bundle(archive).paths()
        if path.startswith(own) and path.endswith(".parquet") and "/landing/" not in path
    ]
    assert result["parts"] == len(made) > 0
    assert {each["result"] for each in result["compared"]} == {"same bytes", "same outcomes"}
    assert list(tmp_path.iterdir()) == [], "what a replay needed is gone with it"
