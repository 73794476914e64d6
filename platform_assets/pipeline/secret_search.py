"""No export carries a secret value that the home knows now.

The closure searched the evidence when it was written; a value that became known since, or that was
declared since, would leave the home with the export. What merely looks like a key was judged by the
closure, and an export does not judge it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from platform_assets.errors import SecretFound
from platform_assets.flow.secret_scan import every_spelling, spelled_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from platform_assets.flow.verification import BundleFiles
    from platform_assets.identifiers import LaneRunId, RunId
    from platform_assets.pipeline.platform import Platform


def require_exportable(
    platform: Platform, run: RunId | LaneRunId, files: BundleFiles, data: Iterable[str] = ()
) -> None:
    """Require that the records of an export hold none of the home's secret values.

    Args:
        platform: the opened home.
        run: the run, or the lane run, that is exported.
        files: the files of the export.
        data: paths that are data: compressed parts, in which a value does not stand as it is.

    Raises:
        SecretFound: they do; the error says which file, never the value.
    """
    spelled = every_spelling(platform.secret_values())
    parts = set(data)
    records = [path for path in files.paths() if path not in parts]
    found = [path for path in records if spelled and spelled_in(files.read(path), spelled)]
    if found:
        raise SecretFound(
            f"export of {run}",
            expected="evidence that holds no secret value of this home",
            found=[f"{path} holds a known secret value" for path in found],
            remedy="Evidence does not change, so the secret has to: rotate it wherever it is used, "
            "give the home the new value, then export again.",
        )
