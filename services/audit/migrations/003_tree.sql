-- The tree over the log: its root moves with `size`, in the same statement.

-- Of the tree of `root_size` leaves. Where that is not `size`, the writer was older than this, and the next epoch builds
-- the tree of the rest before it writes.
ALTER TABLE log_state
  ADD COLUMN root bytea CHECK (octet_length(root) = 32),
  ADD COLUMN root_size bigint NOT NULL DEFAULT -1;

-- The newest published checkpoint. One row. `size` only grows, and never beyond what `log_state` had at the time.
CREATE TABLE log_publication (
  id boolean PRIMARY KEY DEFAULT true CHECK (id),
  size bigint NOT NULL DEFAULT 0 CHECK (size >= 0),
  root bytea CHECK (octet_length(root) = 32),
  -- The signed note; null before the first.
  checkpoint text,
  published_at timestamptz
);
INSERT INTO log_publication DEFAULT VALUES;

GRANT SELECT, UPDATE ON log_publication TO ${role};
