-- Schema 6. How a call was encrypted.

ALTER TABLE call ADD COLUMN suite TEXT NOT NULL DEFAULT '';  -- of SRTP; empty: it was not encrypted
ALTER TABLE call ADD COLUMN keying TEXT NOT NULL DEFAULT ''; -- of it: sdes, dtls
