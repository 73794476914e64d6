from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from platform_assets.adapters.threads import mapped


@pytest.mark.parametrize(("threads", "ahead"), [(1, 1), (2, 3), (4, 4)])
def test_results_come_in_order_and_few_are_made_before_they_are_taken(
    threads: int, ahead: int
) -> None:
    begun: list[int] = []

    def made(number: int) -> int:
        begun.append(number)
        time.sleep(0.002 * (number % 3))  # later ones are done before earlier ones
        return number * number

    with ThreadPoolExecutor(threads) as pool:
        for taken, result in enumerate(mapped(pool, made, range(30), ahead=ahead)):
            assert result == taken * taken
            time.sleep(0.003)
            assert len(begun) <= taken + 1 + ahead
    assert sorted(begun) == list(range(30))


def test_what_goes_wrong_with_one_is_raised_in_its_place() -> None:
    with ThreadPoolExecutor(2) as pool:
        results = mapped(pool, lambda number: 6 // number, [3, 2, 0, 1], ahead=4)
        assert [next(results), next(results)] == [2, 3]
        with pytest.raises(ZeroDivisionError):
            next(results)
