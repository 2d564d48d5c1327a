-- The source folder's own id (IMAP: MAILBOXID), by which it is known again under another name; NULL where none was told.
ALTER TABLE folder ADD COLUMN source_object_id TEXT;

PRAGMA user_version = 2;
