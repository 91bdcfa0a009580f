-- Rows come by COPY, which knows no RETURNING: a batch takes a number of this sequence, and its rows that one and those
-- that follow, so that whoever brings them knows each one's.
ALTER TABLE inbox ALTER COLUMN arrival DROP IDENTITY;
CREATE SEQUENCE inbox_arrival INCREMENT 65536;
SELECT setval('inbox_arrival', 65536 * (1 + coalesce(max(arrival), 0) / 65536)) FROM inbox;
GRANT USAGE ON SEQUENCE inbox_arrival TO ${role};
