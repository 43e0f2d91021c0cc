-- Schema 2. What a filter names beside a text (kind, state, scope, whole number) is
-- in the search index too, as tags: a text that is everywhere and a kind that is
-- rare would otherwise be looked for in every row. The indexes are filled anew.

DROP TABLE interaction_search;
DROP TABLE callback_search;
CREATE VIRTUAL TABLE interaction_search USING fts5 (text, digits, tags,
	content = '', contentless_delete = 1, tokenize = 'ascii', prefix = '1 2');
CREATE VIRTUAL TABLE callback_search USING fts5 (text, digits, tags,
	content = '', contentless_delete = 1, tokenize = 'ascii', prefix = '1 2');
