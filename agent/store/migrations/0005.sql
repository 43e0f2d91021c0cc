-- Schema 5. Recordings of calls. A row is there before its file holds sound, so that
-- no recording is ever forgotten on a disk.

CREATE TABLE recording (
	id TEXT PRIMARY KEY,           -- stands in the file too: one that does not have it is not ours
	file TEXT NOT NULL,            -- its whole path
	interaction TEXT NOT NULL,
	call TEXT NOT NULL,
	started INTEGER NOT NULL,
	ended INTEGER,                 -- NULL: it is written, or the phone ended while it was
	duration INTEGER NOT NULL,     -- milliseconds
	pauses TEXT,
	reason TEXT NOT NULL           -- why it ended
) STRICT, WITHOUT ROWID;
CREATE INDEX recording_interaction ON recording (interaction, started);
CREATE INDEX recording_ended ON recording (ended);
