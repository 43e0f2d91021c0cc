-- Schema 1. Times are milliseconds since 1970 in UTC, NULL for none. JSON is text.
-- seq orders by the time of creation (see seq.go), so that a span of time is a
-- span of keys, in the table and in its search index.

CREATE TABLE counter (
	kind TEXT PRIMARY KEY,
	next INTEGER NOT NULL          -- the first number that was never given out
) STRICT, WITHOUT ROWID;

CREATE TABLE interaction (
	seq INTEGER PRIMARY KEY,
	id TEXT NOT NULL UNIQUE,
	kind TEXT NOT NULL,
	channel TEXT NOT NULL,
	callback TEXT NOT NULL,
	name TEXT NOT NULL,
	number TEXT NOT NULL,
	e164 TEXT NOT NULL,
	body TEXT,
	case_data TEXT,
	note TEXT NOT NULL,
	disposition TEXT NOT NULL,
	result TEXT NOT NULL,
	outcome TEXT NOT NULL,
	attempts INTEGER NOT NULL,
	armed TEXT,
	created INTEGER NOT NULL,
	closed INTEGER
) STRICT;
CREATE INDEX interaction_open ON interaction (seq) WHERE closed IS NULL;
CREATE INDEX interaction_e164 ON interaction (e164, seq) WHERE e164 <> '';
CREATE INDEX interaction_note ON interaction (e164, seq) WHERE e164 <> '' AND note <> '';
CREATE INDEX interaction_kind ON interaction (kind, seq);

CREATE TABLE callback (
	seq INTEGER PRIMARY KEY,
	key TEXT NOT NULL UNIQUE,
	channel TEXT NOT NULL,
	kind TEXT NOT NULL,
	source TEXT NOT NULL,
	state TEXT NOT NULL,           -- the one place where the callback is
	name TEXT NOT NULL,
	number TEXT NOT NULL,
	e164 TEXT NOT NULL,
	zone TEXT NOT NULL,
	reason TEXT NOT NULL,
	scope TEXT NOT NULL,
	due INTEGER,
	created INTEGER NOT NULL,
	updated INTEGER,
	interaction TEXT NOT NULL,
	attempts INTEGER NOT NULL,
	retries INTEGER NOT NULL,
	body TEXT,
	CHECK (state IN ('waiting', 'open', 'scheduled', 'handed', 'returned', 'done'))
) STRICT;
CREATE INDEX callback_state ON callback (state, seq);
CREATE INDEX callback_due ON callback (due) WHERE state = 'scheduled';
CREATE INDEX callback_e164 ON callback (e164, seq) WHERE e164 <> '';

CREATE TABLE attempt (
	interaction TEXT NOT NULL,
	n INTEGER NOT NULL,
	callback TEXT NOT NULL,
	call TEXT NOT NULL,
	number TEXT NOT NULL,
	e164 TEXT NOT NULL,
	started INTEGER,
	answered INTEGER,
	ended INTEGER,
	code INTEGER NOT NULL,
	cause TEXT NOT NULL,
	result TEXT NOT NULL,
	PRIMARY KEY (interaction, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempt_callback ON attempt (callback, started) WHERE callback <> '';

CREATE TABLE report (
	seq INTEGER PRIMARY KEY AUTOINCREMENT,
	id TEXT NOT NULL UNIQUE,
	callback TEXT NOT NULL,
	kind TEXT NOT NULL,
	body TEXT,
	created INTEGER NOT NULL,
	state TEXT NOT NULL,
	tries INTEGER NOT NULL,
	next_try INTEGER,
	delivered INTEGER,
	last_error TEXT NOT NULL,
	content_type TEXT NOT NULL,
	CHECK (state IN ('waiting', 'delivered', 'failed'))
) STRICT;
CREATE INDEX report_callback ON report (callback, seq);
CREATE INDEX report_waiting ON report (callback, seq) WHERE state = 'waiting';
CREATE INDEX report_failed ON report (seq) WHERE state = 'failed';

CREATE TABLE event (
	interaction TEXT NOT NULL,
	time INTEGER NOT NULL,
	run TEXT NOT NULL,             -- one life of the agent; seq counts from 1 in each
	seq INTEGER NOT NULL,
	call TEXT NOT NULL,
	type TEXT NOT NULL,
	body TEXT,
	PRIMARY KEY (interaction, time, run, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE call (
	id TEXT PRIMARY KEY,
	interaction TEXT NOT NULL,
	role TEXT NOT NULL,
	remote TEXT NOT NULL,
	remote_name TEXT NOT NULL,
	sip_call_id TEXT NOT NULL,
	incoming INTEGER NOT NULL,
	started INTEGER NOT NULL,
	connected INTEGER,
	ended INTEGER,
	code INTEGER NOT NULL,
	reason TEXT NOT NULL,
	codec TEXT NOT NULL,
	quality TEXT,
	ladder TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX call_interaction ON call (interaction, started);
CREATE INDEX call_started ON call (started);

CREATE TABLE contact (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL,
	reading TEXT NOT NULL,
	zone TEXT NOT NULL,
	note TEXT NOT NULL,
	updated INTEGER
) STRICT;
CREATE TABLE point (
	contact INTEGER NOT NULL REFERENCES contact (id) ON DELETE CASCADE,
	n INTEGER NOT NULL,
	kind TEXT NOT NULL,
	label TEXT NOT NULL,
	value TEXT NOT NULL,
	e164 TEXT NOT NULL,
	PRIMARY KEY (contact, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX point_e164 ON point (e164) WHERE e164 <> '';

CREATE TABLE response (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	category TEXT NOT NULL,
	title TEXT NOT NULL,
	text TEXT NOT NULL,
	language TEXT NOT NULL
) STRICT;

CREATE TABLE blocked (
	e164 TEXT PRIMARY KEY,
	reason TEXT NOT NULL,
	added INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE favourite (
	target TEXT PRIMARY KEY,
	name TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The search indexes hold grams, not words (see search.go). They keep no text of
-- their own; the prefix indexes find one and two characters.
CREATE VIRTUAL TABLE interaction_search USING fts5 (text, digits,
	content = '', contentless_delete = 1, tokenize = 'ascii', prefix = '1 2');
CREATE VIRTUAL TABLE callback_search USING fts5 (text, digits,
	content = '', contentless_delete = 1, tokenize = 'ascii', prefix = '1 2');
CREATE VIRTUAL TABLE contact_search USING fts5 (name, reading, other, digits,
	content = '', contentless_delete = 1, tokenize = 'ascii', prefix = '1 2');

-- Schema 2. What a filter names beside a text (kind, state, scope, whole number) is
-- in the search index too, as tags: a text that is everywhere and a kind that is
-- rare would otherwise be looked for in every row. The indexes are filled anew.

DROP TABLE interaction_search;
DROP TABLE callback_search;
CREATE VIRTUAL TABLE interaction_search USING fts5 (text, digits, tags,
	content = '', contentless_delete = 1, tokenize = 'ascii', prefix = '1 2');
CREATE VIRTUAL TABLE callback_search USING fts5 (text, digits, tags,
	content = '', contentless_delete = 1, tokenize = 'ascii', prefix = '1 2');

-- Schema 3. What is old is found without going through what is not.

CREATE INDEX interaction_noted ON interaction (seq) WHERE note <> '';
CREATE INDEX report_delivered ON report (delivered) WHERE state = 'delivered';

-- Schema 4. The search indexes are merged after a commit was acknowledged, in small
-- steps (see upkeep.go), and not within every thirtieth commit, which took 50 ms
-- for it.

INSERT INTO interaction_search (interaction_search, rank) VALUES ('automerge', 0);
INSERT INTO callback_search (callback_search, rank) VALUES ('automerge', 0);
INSERT INTO contact_search (contact_search, rank) VALUES ('automerge', 0);

PRAGMA user_version = 4;
INSERT INTO counter VALUES ('interaction', 65), ('call', 129);
INSERT INTO interaction VALUES (116164756800, 'i1', 'voicecallback', 'voice', 'cb-1', '山田 太郎', '03-1234-5678', '+81312345678', '{"a":1}', '{"k":"v"}', '請求書の件', 'sold', 'answered', 'done', 2, 'null', 1815074325000, 1815074925000);
INSERT INTO interaction VALUES (116164756801, 'i2', 'webcallback', 'webcallback', 'cb-2', 'Müller', '1002', '', NULL, NULL, '', '', '', '', 0, NULL, 1815074325500, NULL);
INSERT INTO interaction_search (rowid, text, digits, tags) VALUES (116164756800, '山田太 田太郎 太郎 郎 請求書 求書の 書の件 の件 件', '813 131 312 123 234 345 456 567 678 78 8 031 312 123 234 345 456 567 678 78 8', 'voicecallback 81312345678');
INSERT INTO interaction_search (rowid, text, digits, tags) VALUES (116164756801, 'mul ull lle ler er r', '100 002 02 2', 'webcallback');
INSERT INTO callback_search (rowid, text, digits, tags) VALUES (116164756800, '山田太 田太郎 太郎 郎 後で で', '813 131 312 123 234 345 456 567 678 78 8 031 312 123 234 345 456 567 678 78 8', 'scheduled personal 81312345678');
INSERT INTO callback_search (rowid, text, digits, tags) VALUES (116164756801, 'mul ull lle ler er r', '100 002 02 2', 'open');
INSERT INTO callback VALUES (116164756800, 'cb-1', 'voice', 'scheduled', 'invite', 'scheduled', '山田 太郎', '03-1234-5678', '+81312345678', 'Asia/Tokyo', '後で', 'personal', 1815080000000, 1815074325000, 1815074326000, 'i1', 2, 1, '{"d":1}');
INSERT INTO callback VALUES (116164756801, 'cb-2', 'webcallback', 'webcallback', 'message', 'open', 'Müller', '1002', '', '', '', '', NULL, 1815074325500, NULL, 'i2', 0, 0, NULL);
INSERT INTO attempt VALUES ('i1', 1, 'cb-1', 'c1', '0312345678', '+81312345678', 1815074330000, NULL, 1815074340000, 486, 'busy', 'busy');
INSERT INTO attempt VALUES ('i1', 2, 'cb-1', 'c2', '0312345678', '+81312345678', 1815074350000, 1815074355000, 1815074390000, 200, 'bye', 'answered');
INSERT INTO report VALUES (1, 'r1', 'cb-1', 'accepted', '{"x":1}', 1815074330000, 'delivered', 1, NULL, 1815074331000, '', 'text/plain');
INSERT INTO report VALUES (2, 'r2', 'cb-1', 'done', '{"x":2}', 1815074390000, 'waiting', 3, 1815074490000, NULL, '503', '');
INSERT INTO report VALUES (3, 'r3', 'cb-2', 'missed', NULL, 1815074391000, 'failed', 9, NULL, NULL, 'gone', '');
INSERT INTO event VALUES ('i1', 1815074325000, 'run-1', 1, '', 'offer.received', '{"seq":1}');
INSERT INTO event VALUES ('i1', 1815074330000, 'run-1', 2, 'c1', 'call.dialling', NULL);
INSERT INTO call VALUES ('c2', 'i1', 'main', 'sip:+81312345678@pbx', '山田', 'abc@host', 0, 1815074350000, 1815074355000, 1815074390000, 200, 'bye', 'PCMU', '{"mos":4.4}', 'INVITE');
INSERT INTO contact VALUES (7, '山田 太郎', 'ヤマダ タロウ', 'Asia/Tokyo', 'VIP', 1815074000000);
INSERT INTO point VALUES (7, 0, 'phone', 'work', '03-1234-5678', '+81312345678'), (7, 1, 'mail', '', 'yamada@example.jp', '');
INSERT INTO contact_search (rowid, name, reading, other, digits) VALUES (7, '山田太 田太郎 太郎 郎', 'やまだ まだた だたろ たろう ろう う', 'vip ip p yam ama mad ada dae aex exa xam amp mpl ple lej ejp jp p', '813 131 312 123 234 345 456 567 678 78 8 031 312 123 234 345 456 567 678 78 8');
INSERT INTO response VALUES (3, 'opening', '挨拶', 'お電話ありがとうございます', 'ja');
INSERT INTO blocked VALUES ('+81399999999', 'asked', 1815074000000);
INSERT INTO favourite VALUES ('2001', 'Support');
