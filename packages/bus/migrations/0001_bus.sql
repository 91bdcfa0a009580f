-- How far each group has come, moved in the same transaction as its effects. The row lock also makes a member that
-- lost its partition, and does not know it yet, wait for its successor.
CREATE TABLE consumer_offset (
  consumer_group text NOT NULL,
  topic text NOT NULL,
  partition integer NOT NULL,
  -- Cluster and topic id: offsets mean nothing in a topic that was deleted and made again. Empty: not known.
  topic_id text NOT NULL,
  next_offset bigint NOT NULL CHECK (next_offset >= 0),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (consumer_group, topic, partition)
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE ON consumer_offset TO ${role};

-- Who this schema's events come from: one row. Numbers, counts and chain move with the events that they cover.
CREATE TABLE outbox_source (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  service text NOT NULL,
  epoch uuid NOT NULL,
  through bigint NOT NULL CHECK (through >= 0),
  counts jsonb NOT NULL,
  chain bytea NOT NULL CHECK (octet_length(chain) = 32),
  -- Ed25519, PKCS #8 DER: signs heartbeats; the public half is in the epoch's first event.
  private_key bytea NOT NULL,
  public_key bytea NOT NULL CHECK (octet_length(public_key) = 32)
);
GRANT SELECT, INSERT, UPDATE ON outbox_source TO ${role};

-- Events on their way. A row is inserted by the transaction that makes the change, numbered and given its final
-- bytes by the relay, and deleted once the broker has it.
CREATE TABLE outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key text NOT NULL,
  draft text,
  topic text,
  sequence bigint UNIQUE,
  bytes bytea,
  CHECK ((sequence IS NULL) = (bytes IS NULL) AND (sequence IS NULL) = (topic IS NULL)),
  CHECK ((sequence IS NULL) = (draft IS NOT NULL))
);
-- Scanned for what has no number yet, never for ids above the last: a transaction may commit after a later id did.
CREATE INDEX outbox_unnumbered ON outbox (id) WHERE sequence IS NULL;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO ${role};
