"""Spark jobs one after another in one session: ``python -m platform_assets.adapters.spark.serving``.

Its arguments are the name of the application, its properties as JSON, and the numbers of two pipes.
From the first pipe come descriptions of jobs, as paths; into the second goes a word when one is done.
The properties of each description are not looked at: they are for a session that a job opens itself.

A refusal is a result, and the next job can come. Whatever else goes wrong ends the process with its
traceback, because nobody knows what it left of the session. It ends as well when no description can
come any more, since whoever sends them has ended.
"""

from __future__ import annotations

import gc
import json
import sys
from contextlib import ExitStack
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from platform_assets.adapters.spark.job import done, lead_session, read_description
from platform_assets.adapters.spark.session import close_session, open_session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyspark.sql import SparkSession

DONE = b"done"


def main(arguments: Sequence[str] | None = None) -> None:
    """Do jobs until none can come."""
    name, properties, jobs, answers = sys.argv[1:] if arguments is None else arguments
    source = Connection(int(jobs), writable=False)
    sink = Connection(int(answers), readable=False)
    lead_session()
    with ExitStack() as ending:
        session = None
        for uri in _received(source):
            description = read_description(uri)
            if session is None:
                session = open_session(name, json.loads(properties))
                ending.callback(close_session, session)
            done(session, description)
            _let_go(session)
            sink.send_bytes(DONE)


def _let_go(session: SparkSession) -> None:
    """Have Spark remove what a job shuffled, which it does once nobody refers to it any more."""
    gc.collect()
    session.sparkContext._jvm.System.gc()  # type: ignore[union-attr] # noqa: SLF001 - there is no call for it


def _received(source: Connection) -> Iterator[str]:
    while True:
        try:
            yield source.recv_bytes().decode()
        except EOFError:
            return


if __name__ == "__main__":
    main()
