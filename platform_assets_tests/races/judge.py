"""What a race of closers has to leave, judged from what every one of them noted.

One seal that is not VOID, whoever says CLOSED names the same bundle, the run stands in the log once,
and it verifies. A closer that was not killed ends with CLOSED, or with an outcome that says to look
again. A takeover is timed from the moment the owner was struck to the claim of the next epoch, or from
the moment the first of those that were never struck began to watch, if that was later: while nobody
watches, nobody can take over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The verdicts of a closer that does not know, or knows that another one is at it.
LOOK_AGAIN = frozenset({"ClaimHeld", "ClosureUnknown"})

Event = dict[str, Any]


@dataclass
class Verdict:
    """What was found of one race."""

    problems: list[str] = field(default_factory=list)
    takeovers: list[float] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)
    epochs: int = 0


def judge(events: Iterable[Event], killed: set[int]) -> Verdict:
    """Judge a race from the events of all its closers, the last of which nothing befell."""
    noted = sorted(events, key=lambda event: float(event["at"]))
    found = Verdict()
    stands = [event for event in noted if event["what"] == "stands"]
    ends = {event["pid"]: event for event in noted if event["what"] == "ends"}
    found.problems += [f"a closer failed: {e['error']}" for e in noted if e["what"] == "failed"]
    if len(stands) != 1:
        found.problems.append("the last closer did not come to its end")
        return found
    left = stands[0]
    standing = [seal for seal in left["seals"].values() if seal != "VOID"]
    if len(standing) != 1:
        found.problems.append(f"{len(standing)} seals")
    if len(left["log"]) != 1:
        found.problems.append(f"the log has the entries {left['log']}")
    if not left["verified"]:
        found.problems.append(f"the run does not verify: {left['said']}")
    if ends.get(left["pid"], {}).get("verdict") != "CLOSED":
        found.problems.append(f"the last closer ended with {ends.get(left['pid'])}")
    digests = {event["digest"] for event in ends.values() if event["verdict"] == "CLOSED"}
    if len(digests) != 1:
        found.problems.append(f"CLOSED names the bundles {sorted(digests)}")
    for pid in {event["pid"] for event in noted} - killed:
        verdict = ends.get(pid, {}).get("verdict")
        if verdict != "CLOSED" and verdict not in LOOK_AGAIN:
            found.problems.append(f"closer {pid} ended with {ends.get(pid)}")
    found.verdicts = sorted(event["verdict"] for event in ends.values())
    found.epochs = len(left["claims"])
    found.takeovers = list(_takeovers(noted, left))
    return found


def _takeovers(noted: list[Event], left: Event) -> Iterable[float]:
    """Return the seconds from an owner's being struck to the next epoch's claim."""
    claimed = {
        (event["pid"], event["path"].rpartition("/")[2]): event["at"]
        for event in noted
        if event["what"] == "create" and event["path"].endswith(".claim")
    }
    struck = {event["pid"]: event["at"] for event in noted if event["what"] == "struck"}
    watching = [e["at"] for e in noted if e["what"] == "create" and e["pid"] not in struck]
    for epoch, owner in left["claims"].items():
        following = f"{int(epoch) + 1:04d}"
        successor = left["claims"].get(following)
        if left["seals"].get(epoch) != "VOID" or successor is None or owner not in struck:
            continue
        since, mine = struck[owner], claimed.get((owner, f"{epoch}.claim"))
        next_claim = claimed.get((successor, f"{following}.claim"))
        if (
            (mine is None or mine <= since)
            and next_claim is not None
            and watching
            and since < next_claim
        ):
            yield next_claim - max(since, watching[0])
