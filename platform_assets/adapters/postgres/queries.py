"""What an index is asked, in SQL.

A run counts at a moment of knowledge if it was pinned until then and no newer run of its window was. An
entry has the instant and the window of its run. What corrects or retracts a fact stands above its
assertion, also where the window of that was taken again later.
"""

from __future__ import annotations

from psycopg import sql

RUNS = """
SELECT ledger, run_id, "window", manifest, observed_at, entries, content
FROM truth_index.runs WHERE ledger = %s ORDER BY observed_at, "window"
"""

RUN = """
SELECT ledger, run_id, "window", manifest, observed_at, entries, content
FROM truth_index.runs WHERE ledger = %s AND run_id = %s
"""

ADD_RUN = """
INSERT INTO truth_index.runs (ledger, run_id, "window", manifest, observed_at, entries, content)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""

ADD_ENTRIES = sql.SQL("COPY truth_index.entries (ledger, run_id, {columns}) FROM STDIN")

_COUNTS = """
e.ledger = %(ledger)s AND e.subject = %(subject)s AND e.observed_at <= %(knowledge)s
AND NOT EXISTS (
    SELECT FROM truth_index.runs AS newer
    WHERE newer.ledger = e.ledger AND newer."window" = e."window"
    AND newer.observed_at > e.observed_at AND newer.observed_at <= %(knowledge)s
)
"""

#: The facts that hold, of those with the latest effective time, in the order of the ledger.
AS_OF = f"""
WITH last_operations AS (
    SELECT DISTINCT ON (e.fact) e.*
    FROM truth_index.entries AS e
    WHERE {_COUNTS} AND e.refused IS NULL
    ORDER BY e.fact, e.kind = 'assert', e.observed_at DESC, e."window" DESC, e.sequence DESC
), holding AS (
    SELECT *, rank() OVER (ORDER BY effective_at DESC) AS place
    FROM last_operations
    WHERE kind <> 'retract' AND effective_at <= %(effective)s
)
SELECT entry_id, fact, "value", effective_at, observed_at
FROM holding WHERE place = 1 ORDER BY observed_at, "window", sequence
"""  # noqa: S608 - put together of constants

ENTRIES_OF_SUBJECT = sql.SQL(
    "SELECT {columns} FROM truth_index.entries AS e WHERE "  # noqa: S608 - put together of constants
    + _COUNTS
    + 'ORDER BY e.observed_at, e."window", e.sequence'
)

ENTRIES_OF_RUN = sql.SQL(
    "SELECT {columns} FROM truth_index.entries AS e WHERE e.ledger = %s AND e.run_id = %s"
)

RUNS_WITH_ENTRIES = "SELECT DISTINCT run_id FROM truth_index.entries WHERE ledger = %s"

#: Tables whose changes are refused, as far as that was not taken from them.
GUARDED = """
SELECT c.relname FROM pg_trigger AS t
JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'truth_index' AND t.tgname = 'refuse_change' AND t.tgenabled = 'A'
"""
TABLES = ("entries", "runs")
