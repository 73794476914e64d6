"""``python -m platform_assets.examples.payments LOG --records 200000`` writes a larger log.

The folder must not exist yet. Beside the log stands ``plant.json``, the ledger of what was planted.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from platform_assets.examples.payments.generator import write_log
from platform_assets.examples.payments.recipe import Recipe


def main() -> None:
    """Write the log that the arguments describe."""
    parser = argparse.ArgumentParser(prog="python -m platform_assets.examples.payments")
    parser.add_argument("log", type=Path, help="the folder to write, for example data/payments")
    parser.add_argument("--records", type=int, default=200_000, help="how many are delivered")
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    write_log(given.log, Recipe(records=given.records, seed=given.seed))


if __name__ == "__main__":
    main()
