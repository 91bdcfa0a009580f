-- The batch that was numbered last and is not known to be published: ids of outbox rows, in the order of their numbers,
-- the last of which is `through`. A row's bytes follow from its draft and its number, so the row itself stays as it is;
-- only a source's first event is still kept with its bytes.
ALTER TABLE outbox_source ADD COLUMN pending bigint[] NOT NULL DEFAULT '{}';
-- Nearly every row is without a number now: the primary key leads to them as well.
DROP INDEX outbox_unnumbered;
