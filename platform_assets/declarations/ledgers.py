"""Ledgers and slices as declared among the consumers: what they read and write follows from it.

A ledger takes its entries from certified outputs of its run, and looks at what stands in it from the
runs before. A slice answers, for the subjects of an output, what a ledger knew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BeforeValidator, Field, ValidationError, model_validator

from platform_assets.canonical import MAX_EXACT_INTEGER
from platform_assets.declarations.model import Declaration, Name

if TYPE_CHECKING:
    from collections.abc import Mapping

Path = Annotated[str, Field(min_length=1, description="Dotted path of a column of the output.")]

#: What `history_runs: every` stands for.
EVERY_RUN = MAX_EXACT_INTEGER
HistoryRuns = Annotated[
    int,
    Field(ge=0, strict=True),
    BeforeValidator(lambda given: EVERY_RUN if given == "every" else given),
]
ENTRY_CONTRACT = "ledgers/entry.v1.json"
ANSWER_CONTRACT = "ledgers/answer.v1.json"


class EntriesDeclaration(Declaration):
    """Where entries come from: each row of an output is one, if it has what is asked for."""

    product: Name
    event: Annotated[
        Name | None, Field(description="How the entries are called; defaults to the output's name.")
    ] = None
    kind: Literal["assert", "correct", "retract"] = "assert"
    subject: Path
    identity: Path
    effective: Annotated[Path, Field(description="A column of instants: since when it holds.")]
    value: Annotated[
        tuple[Path, ...], Field(description="The columns that say what it says of the subject.")
    ] = ()
    target: Annotated[
        Path | None, Field(description="Identity of the entry that is corrected or retracted.")
    ] = None
    target_event: Annotated[
        Name | None, Field(description="How that entry is called; defaults to `event`.")
    ] = None
    where: Annotated[
        dict[Path, str | int | bool],
        Field(description="Dotted path -> value; rows with other values are no entries."),
    ] = Field(default_factory=dict)

    @property
    def called(self) -> str:
        """Return how the entries are called."""
        return self.event or self.product

    @model_validator(mode="after")
    def _says_what_its_kind_needs(self) -> Self:
        if (self.kind == "assert") != (self.target is None):
            which = "names no" if self.kind == "assert" else "needs a"
            raise ValueError(f"an entry of kind {self.kind} {which} `target`")
        if (self.kind == "retract") != (not self.value):
            which = "says no" if self.kind == "retract" else "needs a"
            raise ValueError(f"an entry of kind {self.kind} {which} `value`")
        if self.target_event is not None and self.target is None:
            raise ValueError("`target_event` says what `target` is; declare both, or none")
        return self


class LedgerDeclaration(Declaration):
    """A ledger: entries of one run after the other, none of which ever changes."""

    entries: Annotated[tuple[EntriesDeclaration, ...], Field(min_length=1)]

    def derived(self) -> dict[str, Any]:
        """Return what a ledger reads and writes, as a consumer declares it; itself it reads too."""
        products = dict.fromkeys(given.product for given in self.entries)
        return {
            "reads": [{"product": product} for product in products],
            "contract": ENTRY_CONTRACT,
            "key": ["sequence"],
            "sort": ["subject", "sequence"],
        }


class TargetsDeclaration(Declaration):
    """Whose answers a slice holds: the subjects of an output, each once."""

    product: Name
    subject: Path
    history_runs: HistoryRuns = 0


class SliceDeclaration(Declaration):
    """What a ledger knew of subjects at two cutoffs, each the pin of the run unless it is fixed."""

    ledger: Name
    targets: TargetsDeclaration
    effective: Literal["pinned"] | AwareDatetime = "pinned"
    knowledge: Literal["pinned"] | AwareDatetime = "pinned"
    policy: Literal["refuse", "prefer_source_order"] = "refuse"

    def derived(self) -> dict[str, Any]:
        """Return what a slice reads and writes, as a consumer declares it."""
        return {
            "reads": [
                {
                    "product": self.targets.product,
                    "history_runs": self.targets.history_runs,
                },
                {"product": self.ledger, "history_runs": EVERY_RUN, "this_run": False},
            ],
            "contract": ANSWER_CONTRACT,
            "key": ["subject"],
            "sort": ["subject"],
        }


def followed(consumer: Mapping[str, Any]) -> dict[str, Any]:
    """Return what follows from how a consumer is declared; nothing where a function makes it.

    Of a declaration that is not valid only the names follow, so that nobody is asked for them.
    """
    for name, way in (("ledger", LedgerDeclaration), ("slice", SliceDeclaration)):
        if consumer.get(name) is not None:
            try:
                return way.model_validate(consumer[name]).derived()
            except ValidationError:
                return {
                    "reads": ({"product": "x"},),
                    "contract": "x",
                    "key": ("x",),
                    "sort": ("x",),
                }
    return {}
