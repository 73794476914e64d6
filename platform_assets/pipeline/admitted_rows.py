"""The admitted rows of an event, opened from the receipt of its stream's admission.

1. The receipt names the parts; each is verified by its hash, and decrypted where products are strict.
2. Admitted are the rows of the accepted parts that stand neither among the duplicates nor in
   quarantine. Where all accepted rows are admitted, nothing is excluded and nothing more is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from platform_assets.errors import AdmissionInconsistent
from platform_assets.flow.admission import accepted_of
from platform_assets.identifiers import RunId
from platform_assets.pipeline import layout
from platform_assets.pipeline.data_keys import staging_key
from platform_assets.pipeline.parts import opened_paths
from platform_assets.pipeline.records import read_record
from platform_assets.ports.engines import AdmittedRows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from platform_assets.pipeline.platform import Platform


def open_admitted(
    platform: Platform, run: RunId, stream: str, event: str, into: Path
) -> tuple[dict[str, Any], AdmittedRows]:
    """Return the receipt of a stream's admission and the admitted rows of one of its events.

    Args:
        platform: the opened home.
        run: the run.
        stream: the stream that the event comes in.
        event: the event.
        into: a private folder for the plaintext of encrypted parts.

    Raises:
        RecordMissing: the stream was not admitted.
        AdmissionInconsistent: what was admitted is not there as its receipt says.
    """
    receipt = read_record(platform.store, layout.admission_receipt_path(run, stream), "admission")
    return receipt, admitted_of(platform, receipt, event, into)


def admitted_of(
    platform: Platform, receipt: Mapping[str, Any], event: str, into: Path
) -> AdmittedRows:
    """Return the admitted rows of one event of a receipt.

    Raises:
        AdmissionInconsistent: what was admitted is not there as the receipt says.
    """
    run, stream = RunId.parse(receipt["run_id"]), receipt["stream"]
    if event not in receipt["events"]:
        raise AdmissionInconsistent(
            f"admission of {stream} in {run}",
            expected=f"events {event}",
            found=f"events {', '.join(receipt['events']) or 'of no type'}",
            remedy="The receipt was changed from outside. Restore the file.",
        )
    table = receipt["events"][event]
    repeats = accepted_of(receipt, event) - table["rows"]
    aside = [*receipt["duplicates"]["parts"], *receipt["quarantine"]["parts"]] if repeats else []
    paths = opened_paths(
        platform.store,
        layout.run_folder(run),
        [*table["parts"], *aside],
        f"admission of {run}",
        key=staging_key(platform, run),
        into=into,
        refusal=AdmissionInconsistent,
    )
    accepted = len(table["parts"])
    return AdmittedRows(paths[:accepted], paths[accepted:], table["rows"])
