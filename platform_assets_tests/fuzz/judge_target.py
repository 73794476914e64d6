"""A fuzz target: damaged records, judged by both paths and by the reference.

    uv run python -m platform_assets_tests.fuzz.judge_target FOLDER -max_total_time=3600

FOLDER takes the inputs that reach something new; options are libFuzzer's. The first byte of an input
chooses the contract, the rest are records, separated by the byte FE, which no UTF-8 text has. Inputs
are mutated record by record: by libFuzzer's own mutations of bytes, and by near misses of JSON.
"""

from __future__ import annotations

import sys
from random import Random

import atheris

with atheris.instrument_imports(include=["platform_assets.contracts"]):
    from platform_assets_tests.fuzz.near_misses import damaged
    from platform_assets_tests.fuzz.subjects import SUBJECTS

SEPARATOR = b"\xfe"
_MOST = 32
_LONGEST = 1 << 16


def test_one_input(data: bytes) -> None:
    """Judge the records of an input; any disagreement is a finding."""
    if data:
        records = data[1:].split(SEPARATOR)[:_MOST]
        # Every record twice, so that damaged records may be found in numbers, and at the end.
        SUBJECTS[data[0] % len(SUBJECTS)].compare([*records, None, *records], columnar=0)


def mutated(data: bytes, max_size: int, seed: int) -> bytes:
    """Mutate some records of an input, or add damaged copies of good ones."""
    random = Random(seed)  # noqa: S311  # damages, no secrets
    chosen = data[0] % len(SUBJECTS) if data else random.randrange(len(SUBJECTS))
    records = data[1:].split(SEPARATOR)[:_MOST] if data[1:] else []
    for _ in range(random.randrange(1, 9)):
        if not records or (random.random() < 0.3 and len(records) < _MOST):
            good = SUBJECTS[chosen].record(random.randrange(100))
            records.append(damaged(good, random))
            continue
        at = random.randrange(len(records))
        if random.random() < 0.5 and records[at]:
            size = min(_LONGEST, len(records[at]) + 64)
            records[at] = bytes(atheris.Mutate(records[at], size))
        else:
            records[at] = damaged(records[at], random)
    return (bytes([chosen]) + SEPARATOR.join(records))[:max_size]


def main() -> None:
    """Run until libFuzzer's limits end it."""
    atheris.Setup(sys.argv, test_one_input, custom_mutator=mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
