-- The index of truth ledgers: which runs it holds, and their entries as the runs certified them.
--
-- Rows come and never change: a trigger refuses whatever would change or remove one, for everybody,
-- the owner included, and while replication is played as well (ENABLE ALWAYS). Columns that are words
-- of SQL are quoted. Texts compare by their bytes.

CREATE SCHEMA IF NOT EXISTS truth_index;

CREATE TABLE IF NOT EXISTS truth_index.runs (
    ledger text COLLATE "C" NOT NULL,
    run_id text COLLATE "C" NOT NULL,
    "window" bigint NOT NULL,
    manifest text COLLATE "C" NOT NULL,
    observed_at timestamptz NOT NULL,
    entries bigint NOT NULL,
    content text COLLATE "C" NOT NULL,
    PRIMARY KEY (ledger, run_id),
    UNIQUE (ledger, "window", observed_at) -- a window has one run at a moment
);

CREATE TABLE IF NOT EXISTS truth_index.entries (
    ledger text COLLATE "C" NOT NULL,
    run_id text COLLATE "C" NOT NULL,
    entry_id text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    event text COLLATE "C" NOT NULL,
    "value" text COLLATE "C",
    effective_at timestamptz NOT NULL,
    observed_at timestamptz NOT NULL,
    "window" bigint NOT NULL,
    sequence bigint NOT NULL,
    stream text COLLATE "C",
    "partition" text COLLATE "C",
    "offset" bigint,
    target text COLLATE "C",
    fact text COLLATE "C",
    content text COLLATE "C" NOT NULL,
    predecessor text COLLATE "C",
    digest text COLLATE "C",
    refused text COLLATE "C",
    PRIMARY KEY (ledger, run_id, sequence),
    FOREIGN KEY (ledger, run_id) REFERENCES truth_index.runs
);

-- hashed, because a B-tree refuses keys of more than 2,700 bytes, and a subject may be longer
CREATE INDEX IF NOT EXISTS entries_of_subject ON truth_index.entries USING hash (subject);

CREATE OR REPLACE FUNCTION truth_index.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION '% of truth_index.% is refused: entries of a ledger never change',
        TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation',
        HINT = 'A correction is an entry of a later run; an index is made again from nothing.';
END
$$;

CREATE OR REPLACE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON truth_index.runs
FOR EACH STATEMENT EXECUTE FUNCTION truth_index.refuse_change();
ALTER TABLE truth_index.runs ENABLE ALWAYS TRIGGER refuse_change;

CREATE OR REPLACE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON truth_index.entries
FOR EACH STATEMENT EXECUTE FUNCTION truth_index.refuse_change();
ALTER TABLE truth_index.entries ENABLE ALWAYS TRIGGER refuse_change;

REVOKE ALL ON SCHEMA truth_index FROM PUBLIC;
REVOKE ALL ON truth_index.runs, truth_index.entries FROM PUBLIC;
