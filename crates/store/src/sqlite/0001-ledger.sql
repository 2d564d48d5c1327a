-- Ledgers. Written to be read by PostgreSQL too, but for STRICT and the PRAGMAs: ids are 64-bit integers, truth values 0 and 1.

CREATE TABLE pair (
    id      INTEGER PRIMARY KEY,
    source  TEXT NOT NULL,
    target  TEXT NOT NULL,
    -- Grows when the pair is taken; whoever holds a lower one cannot write any more.
    fence   INTEGER NOT NULL,
    -- 1 while messages may be on their way to the target.
    writing INTEGER NOT NULL,
    UNIQUE (source, target)
) STRICT;

CREATE TABLE folder (
    id               INTEGER PRIMARY KEY,
    pair             INTEGER NOT NULL REFERENCES pair (id) ON DELETE CASCADE,
    source           TEXT NOT NULL,
    target           TEXT NOT NULL,
    source_watermark TEXT,
    target_watermark TEXT,
    -- Under what ids were given (IMAP: UIDVALIDITY): under another one, the entries say nothing.
    source_ids       TEXT NOT NULL,
    target_ids       TEXT NOT NULL,
    -- Number of entries; NULL when the segments must be read to know.
    messages         INTEGER,
    -- No entry has had a higher source UID.
    highest          INTEGER NOT NULL,
    UNIQUE (pair, source)
) STRICT;

CREATE TABLE segment (
    folder  INTEGER NOT NULL REFERENCES folder (id) ON DELETE CASCADE,
    number  INTEGER NOT NULL,
    is_base INTEGER NOT NULL,
    bytes   BLOB NOT NULL,
    PRIMARY KEY (folder, number)
) STRICT;

CREATE TABLE exception (
    folder     INTEGER NOT NULL REFERENCES folder (id) ON DELETE CASCADE,
    message    TEXT NOT NULL,
    message_id TEXT,
    subject    TEXT,
    size       INTEGER,
    code       TEXT NOT NULL,
    reason     TEXT NOT NULL,
    PRIMARY KEY (folder, message)
) STRICT;

CREATE TABLE dropped_flag (
    folder INTEGER NOT NULL REFERENCES folder (id) ON DELETE CASCADE,
    flag   TEXT NOT NULL,
    PRIMARY KEY (folder, flag)
) STRICT;

-- "Lims" in ASCII.
PRAGMA application_id = 1281977715;
PRAGMA user_version = 1;
