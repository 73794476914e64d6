"""The feed `load`: orders that lanes send where no feed of the home in use is named.

Its declaration and its sample records stand in this folder, its contracts in ``schemas/events/load``.
It is in no home and among no examples, so that nobody who opens Dagster sees a feed that is not theirs;
a lane copies it into the home that it puts under load.
"""

from __future__ import annotations

from pathlib import Path

#: The name of the feed, as it is declared.
FEED = "load"
#: The file with sample records of its stream ``orders``, one a line, in the feed's folder.
SAMPLE_FILE = "orders.ndjson"


def feed_folder() -> Path:
    """Return the folder of the feed: ``defs.yaml`` and the sample records."""
    return Path(__file__).parent
