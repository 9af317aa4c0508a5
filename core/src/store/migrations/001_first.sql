-- One row for each thing a profile has exactly one of.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY NOT NULL,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Releases that were ever active here: the newest of each line keeps older ones out (rollback).
CREATE TABLE releases_seen (
    name            TEXT PRIMARY KEY NOT NULL,
    version         INTEGER NOT NULL,
    manifest_sha256 TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The active release (rank 0) and the one before it (rank 1), kept for rollback.
CREATE TABLE releases_installed (
    rank            INTEGER PRIMARY KEY NOT NULL CHECK (rank IN (0, 1)),
    name            TEXT NOT NULL,
    version         INTEGER NOT NULL,
    manifest_sha256 TEXT NOT NULL
) STRICT;

-- One blob a slate: replaced whole, so that a reader never sees half of one.
CREATE TABLE slates (
    surface    TEXT NOT NULL,
    context    TEXT NOT NULL,
    generation INTEGER NOT NULL,
    inputs     BLOB NOT NULL,   -- digest of everything the slate was made from
    body       BLOB NOT NULL,
    PRIMARY KEY (surface, context)
) STRICT, WITHOUT ROWID;

-- What slates were made from, for replay: as few as there are slates of different nights.
CREATE TABLE slate_inputs (
    id     INTEGER PRIMARY KEY NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    body   BLOB NOT NULL
) STRICT;

-- From which of them each slate was made.
CREATE TABLE slate_origins (
    surface    TEXT NOT NULL,
    context    TEXT NOT NULL,
    generation INTEGER NOT NULL,
    inputs     INTEGER NOT NULL,
    PRIMARY KEY (surface, context)
) STRICT, WITHOUT ROWID;

-- Feedback, in the order in which it was recorded.
CREATE TABLE events (
    sequence   INTEGER PRIMARY KEY,
    id         BLOB NOT NULL,
    at_ms      INTEGER NOT NULL,
    run_ms     INTEGER,          -- monotonic, since the run of the stamp began
    kind       TEXT NOT NULL,
    item       TEXT NOT NULL,
    surface    TEXT,
    context    TEXT,
    position   INTEGER,
    generation INTEGER,
    propensity REAL,
    dwell_ms   INTEGER,
    visible_ms INTEGER,
    undoes     TEXT,
    details    TEXT,             -- JSON of the app's own fields
    told       TEXT,             -- JSON of what leaves the device instead, drawn with noise
    stamp      INTEGER NOT NULL  -- of stamps
) STRICT;

-- What many events have in common, kept once.
CREATE TABLE stamps (
    id           INTEGER PRIMARY KEY,
    key          TEXT NOT NULL UNIQUE, -- all of the following in one text, to be found by
    release      TEXT,
    arm          TEXT,
    zone_minutes INTEGER NOT NULL,
    run          INTEGER NOT NULL,     -- of the library: counts openings
    session      INTEGER NOT NULL,     -- counts visits
    day          INTEGER NOT NULL,     -- of the recording, never before that of an earlier event
    made_from    TEXT                  -- digest of what the slate was made from
) STRICT;

-- How far recording was when a session, a run or a day began; what was recorded since says the
-- rest. A sequence number is never used again, also after rows were deleted, so that the collector
-- sees every gap.
CREATE TABLE recorder (
    one           INTEGER PRIMARY KEY CHECK (one = 1),
    last_sequence INTEGER NOT NULL,
    session       INTEGER NOT NULL,
    last_at_ms    INTEGER NOT NULL,
    last_run      INTEGER NOT NULL,
    last_run_ms   INTEGER,
    day           INTEGER NOT NULL,
    evicted       INTEGER NOT NULL,    -- events given up for room or age, ever
    lost          INTEGER NOT NULL     -- events that were recorded and that a damaged log no longer has
) STRICT;
INSERT INTO recorder VALUES (1, 0, 0, 0, 0, NULL, 0, 0, 0);

-- Whatever removes events, their numbers stay used.
CREATE TRIGGER events_gone AFTER DELETE ON events
WHEN old.sequence > (SELECT last_sequence FROM recorder)
BEGIN
    UPDATE recorder SET last_sequence = old.sequence, last_at_ms = old.at_ms,
        last_run_ms = old.run_ms;
END;

-- Items whose history the user asked to be forgotten: what was recorded of them up to `through` is
-- not learned, and slates that were made before say nothing of them.
CREATE TABLE forgotten (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    item    TEXT NOT NULL UNIQUE,
    through INTEGER NOT NULL
) STRICT;

-- Every run of the night, also the one that was cut short.
CREATE TABLE night_runs (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    began_ms   INTEGER NOT NULL,
    ended_ms   INTEGER,
    outcome    TEXT,            -- a word; none until it ended
    text       TEXT,            -- the error, or what was noted
    published  INTEGER NOT NULL DEFAULT 0,
    kept       INTEGER NOT NULL DEFAULT 0,
    remaining  INTEGER NOT NULL DEFAULT 0,
    cpu_ms     INTEGER NOT NULL DEFAULT 0,
    wall_ms    INTEGER NOT NULL DEFAULT 0,
    stop_told  TEXT,            -- why the platform stopped it
    conditions TEXT             -- of the device when it began
) STRICT;

-- How often no night ran, by local day and reason.
CREATE TABLE night_refusals (
    id     INTEGER PRIMARY KEY,
    day    INTEGER NOT NULL,
    reason TEXT NOT NULL,
    count  INTEGER NOT NULL,
    UNIQUE (day, reason)
) STRICT;

-- Pseudonyms under which feedback is sent: the newest, and older ones until all that was recorded
-- under them has arrived.
CREATE TABLE pseudonyms (
    number       INTEGER PRIMARY KEY NOT NULL,
    installation BLOB NOT NULL UNIQUE,
    base         INTEGER NOT NULL,            -- sequence number of the last event before it
    since_ms     INTEGER NOT NULL,
    handed_out   INTEGER NOT NULL DEFAULT 0,  -- whether a batch under it ever was
    dropped      INTEGER NOT NULL DEFAULT 0   -- events under it that are never sent
) STRICT;

-- Sequence numbers of events that are never sent, until a batch has told the collector so.
CREATE TABLE withheld (
    first INTEGER PRIMARY KEY NOT NULL,
    last  INTEGER NOT NULL
) STRICT;

-- Requests to the collector to delete what it has under a pseudonym, until it says that it did.
CREATE TABLE deletions (
    installation    BLOB PRIMARY KEY NOT NULL,
    transfer        BLOB NOT NULL,
    requested_at_ms INTEGER NOT NULL,
    pause           BLOB NOT NULL
) STRICT, WITHOUT ROWID;
