-- Events that one transaction puts out in numbers share most of their text. They lie in one row, compressed by whoever
-- put them there (see draft-pack.ts): a tenth of the bytes, and a row instead of hundreds to write, read and delete.
ALTER TABLE outbox
  ADD COLUMN pack bytea,
  -- Events in the row: those of its pack, or one.
  ADD COLUMN events integer NOT NULL DEFAULT 1 CHECK (events > 0);
-- Compressed already.
ALTER TABLE outbox ALTER COLUMN pack SET STORAGE EXTERNAL;
-- A row is numbered, with its bytes, or it holds a draft, or a pack of them.
ALTER TABLE outbox
  DROP CONSTRAINT outbox_check1,
  ALTER COLUMN key DROP NOT NULL,
  ADD CONSTRAINT outbox_one_form CHECK (num_nonnulls(sequence, draft, pack) = 1),
  ADD CONSTRAINT outbox_keyed CHECK ((key IS NULL) = (pack IS NOT NULL));
