-- Schema 3. What is old is found without going through what is not.

CREATE INDEX interaction_noted ON interaction (seq) WHERE note <> '';
CREATE INDEX report_delivered ON report (delivered) WHERE state = 'delivered';
