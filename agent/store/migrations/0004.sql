-- Schema 4. The search indexes are merged after a commit was acknowledged, in small
-- steps (see upkeep.go), and not within every thirtieth commit, which took 50 ms
-- for it.

INSERT INTO interaction_search (interaction_search, rank) VALUES ('automerge', 0);
INSERT INTO callback_search (callback_search, rank) VALUES ('automerge', 0);
INSERT INTO contact_search (contact_search, rank) VALUES ('automerge', 0);
