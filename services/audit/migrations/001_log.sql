-- The log and its index. Nothing in these tables is ever changed or removed by the service's role.

CREATE TABLE archive_segment (
  segment_id integer PRIMARY KEY CHECK (segment_id > 0),
  name text NOT NULL UNIQUE,
  first_leaf bigint NOT NULL UNIQUE CHECK (first_leaf >= 0),
  epoch bigint NOT NULL
);

CREATE TABLE source (
  source_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE
);

CREATE TABLE entry (
  leaf_index bigint PRIMARY KEY CHECK (leaf_index >= 0),
  event_id uuid NOT NULL UNIQUE,
  source_id integer NOT NULL,
  sequence bigint NOT NULL CHECK (sequence > 0),
  type text NOT NULL,
  subject text NOT NULL,
  organisation_id text,
  team_id text,
  time timestamptz NOT NULL,
  received_at timestamptz NOT NULL,
  segment_id integer NOT NULL,
  segment_offset integer NOT NULL,
  frame_bytes integer NOT NULL,
  -- SHA-256(0x00 || leaf record): what the tree is built over.
  leaf_hash bytea NOT NULL CHECK (octet_length(leaf_hash) = 32),
  UNIQUE (source_id, sequence)
);
CREATE INDEX entry_subject ON entry (subject, leaf_index);
CREATE INDEX entry_time ON entry (time, leaf_index);
CREATE INDEX entry_team ON entry (team_id, time, leaf_index) WHERE team_id IS NOT NULL;
CREATE INDEX entry_organisation ON entry (organisation_id, time, leaf_index) WHERE organisation_id IS NOT NULL;

-- An event that claims a number or an id that another event already holds. Kept whole: it is evidence.
CREATE TABLE conflict (
  conflict_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('sequence-reused', 'id-reused', 'chain-mismatch')),
  source text NOT NULL,
  sequence bigint NOT NULL,
  event_id uuid,
  type text,
  bytes bytea,
  received_at timestamptz NOT NULL DEFAULT now()
);

-- What a source itself said that it can't tell (source.gap events).
CREATE TABLE declared_gap (
  leaf_index bigint PRIMARY KEY,
  source text NOT NULL,
  first_missing bigint NOT NULL,
  last_missing bigint NOT NULL,
  reason text NOT NULL,
  unrecorded_requests bigint NOT NULL,
  since timestamptz NOT NULL,
  until timestamptz NOT NULL
);
CREATE INDEX declared_gap_source ON declared_gap (source);

GRANT SELECT, INSERT ON archive_segment, source, entry, conflict, declared_gap TO ${role};
