-- A programme. The same tables, columns and indexes as in ../postgres, where ids are 64-bit integers, times microseconds of the Unix epoch, and
-- names are compared byte by byte.

CREATE TABLE programme (
    format INTEGER NOT NULL
) STRICT;

CREATE TABLE endpoint (
    id            INTEGER PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    address       TEXT NOT NULL,
    -- Who opens all mailboxes; NULL where each has a secret of its own.
    administrator TEXT,
    -- JSON.
    budget        TEXT NOT NULL,
    -- How many may be open right now; NULL is no limit.
    connections   INTEGER
) STRICT;

CREATE TABLE migration (
    id     INTEGER PRIMARY KEY,
    name   TEXT NOT NULL UNIQUE,
    source INTEGER NOT NULL REFERENCES endpoint (id),
    target INTEGER NOT NULL REFERENCES endpoint (id)
) STRICT;

CREATE TABLE organisation (
    id        INTEGER PRIMARY KEY,
    migration INTEGER NOT NULL REFERENCES migration (id),
    name      TEXT NOT NULL,
    UNIQUE (migration, name)
) STRICT;

-- "window" is a word of SQL.
CREATE TABLE cutover_window (
    id        INTEGER PRIMARY KEY,
    migration INTEGER NOT NULL REFERENCES migration (id),
    name      TEXT NOT NULL,
    -- JSON: the zone, openings, freezes and capacity.
    rules     TEXT NOT NULL,
    UNIQUE (migration, name)
) STRICT;

CREATE TABLE wave (
    id        INTEGER PRIMARY KEY,
    migration INTEGER NOT NULL REFERENCES migration (id),
    name      TEXT NOT NULL,
    window_id INTEGER NOT NULL REFERENCES cutover_window (id),
    starts    INTEGER,
    state     TEXT NOT NULL,
    UNIQUE (migration, name)
) STRICT;

CREATE TABLE worker (
    -- Never given twice: a worker that comes back late must not be taken for a new one.
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    name  TEXT NOT NULL,
    -- When its lease ends, by the database's clock.
    until INTEGER NOT NULL
) STRICT;

CREATE TABLE leader (
    -- There is one row.
    id     INTEGER PRIMARY KEY,
    worker INTEGER REFERENCES worker (id) ON DELETE SET NULL
) STRICT;

INSERT INTO leader (id) VALUES (1);

CREATE TABLE pair (
    id                 INTEGER PRIMARY KEY,
    migration          INTEGER NOT NULL REFERENCES migration (id),
    organisation       INTEGER NOT NULL REFERENCES organisation (id),
    -- The migration's endpoints: a mailbox is in one migration, whichever that is.
    source_endpoint    INTEGER NOT NULL REFERENCES endpoint (id),
    target_endpoint    INTEGER NOT NULL REFERENCES endpoint (id),
    source             TEXT NOT NULL,
    target             TEXT NOT NULL,
    kind               TEXT NOT NULL,
    language           TEXT,
    messages           INTEGER,
    bytes              INTEGER,
    wave               INTEGER REFERENCES wave (id),
    priority           INTEGER NOT NULL DEFAULT 0,
    phase              TEXT NOT NULL DEFAULT 'registered',
    activity           TEXT NOT NULL DEFAULT 'idle',
    -- JSON: the activity with its circumstances; NULL where it has none.
    circumstances      TEXT,
    grade              TEXT,
    exceptions_waiting INTEGER NOT NULL DEFAULT 0,
    failures           INTEGER NOT NULL DEFAULT 0,
    blocked            TEXT,
    next_pass          INTEGER,
    -- Grows when the pair is claimed or taken away: writes that carry another one fail.
    fence              INTEGER NOT NULL DEFAULT 0,
    worker             INTEGER REFERENCES worker (id),
    passes             INTEGER NOT NULL DEFAULT 0,
    copied_messages    INTEGER NOT NULL DEFAULT 0,
    copied_bytes       INTEGER NOT NULL DEFAULT 0,
    last_pass          INTEGER
) STRICT;

CREATE UNIQUE INDEX pair_source ON pair (source_endpoint, source);
CREATE UNIQUE INDEX pair_target ON pair (target_endpoint, target);
CREATE INDEX pair_due ON pair (migration, priority, next_pass, id) WHERE next_pass IS NOT NULL AND worker IS NULL;
CREATE INDEX pair_worker ON pair (worker) WHERE worker IS NOT NULL;
CREATE INDEX pair_organisation ON pair (organisation, id);
CREATE INDEX pair_wave ON pair (wave, id) WHERE wave IS NOT NULL;
CREATE INDEX pair_state ON pair (migration, phase, activity, id);
CREATE INDEX pair_blocked ON pair (migration, id) WHERE blocked IS NOT NULL;
CREATE INDEX pair_exceptions ON pair (migration, id) WHERE exceptions_waiting > 0;

CREATE TABLE mailbox_grant (
    pair    INTEGER NOT NULL REFERENCES pair (id),
    trustee TEXT NOT NULL,
    kind    TEXT NOT NULL,
    -- The folder; empty where it is about the whole mailbox.
    path    TEXT NOT NULL,
    rights  TEXT NOT NULL,
    PRIMARY KEY (pair, trustee, kind, path)
) STRICT, WITHOUT ROWID;

-- Connections that pairs under work have to their endpoints.
CREATE TABLE connection (
    pair        INTEGER NOT NULL REFERENCES pair (id),
    endpoint    INTEGER NOT NULL REFERENCES endpoint (id),
    connections INTEGER NOT NULL,
    PRIMARY KEY (pair, endpoint)
) STRICT, WITHOUT ROWID;

-- Sealed: what opens them is not here.
CREATE TABLE secret (
    -- Whose: 'endpoint', or a pair's 'source' or 'target'.
    kind   TEXT NOT NULL,
    owner  INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (kind, owner)
) STRICT, WITHOUT ROWID;

-- Those of a key that is given up are few in the end.
CREATE INDEX secret_key ON secret (key_id);
