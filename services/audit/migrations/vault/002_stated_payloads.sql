-- What usage events state of payloads, held against what the vault has: a read model over the log and `vault_payload`, made
-- by one process at a time, which goes on at `stated_position`. It can be made again: empty the tables, set the size to 0.

-- Leaves whose statements are counted; never more than are indexed.
CREATE TABLE stated_position (
  id boolean PRIMARY KEY DEFAULT true CHECK (id),
  size bigint NOT NULL DEFAULT 0 CHECK (size >= 0)
);
INSERT INTO stated_position DEFAULT VALUES;

-- Statements per quarter of an hour of `requested_at` and organisation.
CREATE TABLE stated_count (
  quarter timestamptz NOT NULL,
  organisation_id text COLLATE "C" NOT NULL,
  -- With a digest: the vault was to get it.
  stated bigint NOT NULL,
  -- Without: the gateway says that it lost it.
  not_kept bigint NOT NULL,
  -- Of those stated, the vault did not let in: an erasure had named them before they came.
  refused bigint NOT NULL,
  PRIMARY KEY (quarter, organisation_id)
);

-- Stated, and not in the vault, or not as stated. A row goes when the payload arrives.
CREATE TABLE stated_awaited (
  leaf_index bigint NOT NULL,
  direction text NOT NULL,
  -- Null where the event's subject is no request's id: then it never arrives.
  request_id uuid,
  organisation_id text NOT NULL,
  team_id text NOT NULL,
  principal_id text NOT NULL,
  requested_at timestamptz NOT NULL,
  digest bytea NOT NULL,
  -- When it was first looked for.
  awaited_since timestamptz NOT NULL,
  -- The vault holds something else than was stated.
  differs boolean NOT NULL DEFAULT false,
  PRIMARY KEY (leaf_index, direction)
);
CREATE INDEX stated_awaited_since ON stated_awaited (awaited_since);
CREATE INDEX stated_awaited_time ON stated_awaited (requested_at);

-- Counting a period's payloads reads its blocks alone: rows lie about in the order of time.
CREATE INDEX vault_payload_time ON vault_payload USING brin (requested_at);

GRANT SELECT, UPDATE ON stated_position TO ${role};
GRANT SELECT, INSERT, UPDATE ON stated_count TO ${role};
GRANT SELECT, INSERT, UPDATE, DELETE ON stated_awaited TO ${role};
