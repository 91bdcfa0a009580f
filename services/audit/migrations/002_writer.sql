DO $$
BEGIN
  IF current_setting('server_encoding') <> 'UTF8' THEN
    RAISE EXCEPTION 'the database must be made with ENCODING UTF8, not %', current_setting('server_encoding');
  END IF;
END $$;

-- Transport and state of the writer: what is here may change, and is no evidence.

-- Events as they came from the bus, until the integrator has placed them in the log. `sequence` is null for
-- heartbeats, which never enter the log. No unique constraint but the order of arrival: a repeated event is found
-- by the integrator, which alone knows the whole history, so that receiving stays as cheap as an insert can be.
CREATE TABLE inbox (
  arrival bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id uuid NOT NULL,
  source text NOT NULL,
  sequence bigint,
  type text NOT NULL,
  subject text NOT NULL,
  organisation_id text,
  team_id text,
  time timestamptz NOT NULL,
  received_at timestamptz NOT NULL,
  salt bytea NOT NULL,
  bytes bytea NOT NULL,
  -- Whether they are UTF-8 throughout, and so can be read as text, at half the cost of hexadecimal digits.
  utf8 boolean NOT NULL
);
-- Bytes are JSON of about a kilobyte, read once, soon: compressing them costs more than it saves.
ALTER TABLE inbox ALTER COLUMN bytes SET STORAGE EXTERNAL;
ALTER TABLE inbox SET (
  toast_tuple_target = 8160,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 20000,
  autovacuum_vacuum_insert_scale_factor = 0,
  autovacuum_vacuum_insert_threshold = 200000,
  autovacuum_analyze_scale_factor = 0,
  autovacuum_analyze_threshold = 200000,
  autovacuum_vacuum_cost_delay = 0
);

-- How far the log has come. One row. The archive holds nothing valid beyond `segment_bytes` of the last segment.
CREATE TABLE log_state (
  id boolean PRIMARY KEY DEFAULT true CHECK (id),
  epoch bigint NOT NULL DEFAULT 0,
  size bigint NOT NULL DEFAULT 0 CHECK (size >= 0),
  segment_id integer NOT NULL DEFAULT 0,
  segment_bytes integer NOT NULL DEFAULT 0,
  updated_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO log_state DEFAULT VALUES;

-- What has come of each source, and how far it says it has come.
CREATE TABLE source_state (
  source_id integer PRIMARY KEY REFERENCES source,
  state jsonb NOT NULL,
  -- Of `state`, for the listings.
  has_missing boolean NOT NULL,
  ended boolean NOT NULL,
  -- The chain covers less than the log holds without a hole.
  behind boolean NOT NULL
);
CREATE INDEX source_state_missing ON source_state (source_id) WHERE has_missing;
CREATE INDEX source_state_behind ON source_state (source_id) WHERE behind;

-- The latest statement of a source that could not be verified. Nothing follows from it.
CREATE TABLE unverified_report (
  source text PRIMARY KEY,
  type text NOT NULL,
  reason text NOT NULL,
  through bigint NOT NULL,
  reports bigint NOT NULL DEFAULT 1,
  received_at timestamptz NOT NULL
);

GRANT SELECT, INSERT, DELETE ON inbox TO ${role};
GRANT SELECT, UPDATE ON log_state TO ${role};
GRANT SELECT, INSERT, UPDATE ON source_state, unverified_report TO ${role};
