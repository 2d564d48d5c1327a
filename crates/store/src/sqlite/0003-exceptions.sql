-- What a person needs to know of an exception, and who took it so. Dates: seconds of the Unix epoch; the zone in minutes east of UTC.
ALTER TABLE exception ADD COLUMN date INTEGER;
ALTER TABLE exception ADD COLUMN zone INTEGER;
ALTER TABLE exception ADD COLUMN hint TEXT;
ALTER TABLE exception ADD COLUMN original TEXT;
ALTER TABLE exception ADD COLUMN approved_by TEXT;
ALTER TABLE exception ADD COLUMN approved_because TEXT;
ALTER TABLE exception ADD COLUMN approved_at INTEGER;

-- By which table keywords were translated when the folder was last compared; empty where by none.
ALTER TABLE folder ADD COLUMN keywords TEXT NOT NULL DEFAULT '';

PRAGMA user_version = 3;
