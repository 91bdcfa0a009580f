-- The search index, and what is known of requests and periods: read models over the log. Everything below is made from
-- the archive by one indexer, which goes on at `index_position`, and can be made again (`tollgate audit rebuild`).

-- How far the indexer has come. One row. It follows published checkpoints, so that whatever is found can be proven.
CREATE TABLE index_position (
  id boolean PRIMARY KEY DEFAULT true CHECK (id),
  -- Leaves that are indexed.
  size bigint NOT NULL DEFAULT 0 CHECK (size >= 0),
  -- The published checkpoint of exactly these leaves; null where the indexer is between two.
  checkpoint text,
  indexed_at timestamptz
);
INSERT INTO index_position DEFAULT VALUES;

-- One row per leaf. `happened_at` is the instant that an event is about: `requested_at` of request, decision, usage and
-- charge, else the event's own time. Months are those of UTC; what lies too far off for one is in `indexed_event_other`.
CREATE TABLE indexed_event (
  leaf_index bigint NOT NULL,
  happened_at timestamptz NOT NULL,
  received_at timestamptz NOT NULL,
  source_id integer NOT NULL,
  type text COLLATE "C" NOT NULL,
  organisation_id text COLLATE "C",
  team_id text COLLATE "C",
  -- What it can be found by besides: `label=identifier` (see src/index/terms.ts).
  terms tsvector NOT NULL
) PARTITION BY RANGE (happened_at);
CREATE INDEX indexed_event_time ON indexed_event (happened_at, leaf_index);
CREATE INDEX indexed_event_team ON indexed_event (team_id, happened_at, leaf_index) WHERE team_id IS NOT NULL;
CREATE INDEX indexed_event_organisation ON indexed_event (organisation_id, happened_at, leaf_index)
  WHERE organisation_id IS NOT NULL;
CREATE INDEX indexed_event_terms ON indexed_event USING gin (terms);
CREATE TABLE indexed_event_other PARTITION OF indexed_event DEFAULT;

-- Events per source, quarter of an hour of `happened_at`, kind and organisation ('' for none).
CREATE TABLE event_count (
  source_id integer NOT NULL,
  quarter timestamptz NOT NULL,
  type text COLLATE "C" NOT NULL,
  organisation_id text COLLATE "C" NOT NULL,
  events bigint NOT NULL,
  first_sequence bigint NOT NULL,
  last_sequence bigint NOT NULL,
  -- Of these, came more than five minutes after their own time, or before it.
  late bigint NOT NULL,
  ahead bigint NOT NULL,
  PRIMARY KEY (quarter, source_id, type, organisation_id)
);

-- Requests of which the log does not hold what has to be there: one request event, one decision, and where that allowed
-- it one final usage. A row goes when they are.
CREATE TABLE unsettled_request (
  request_id text COLLATE "C" PRIMARY KEY,
  happened_at timestamptz NOT NULL,
  organisation_id text COLLATE "C",
  requests integer NOT NULL,
  allowed integer NOT NULL,
  refused integer NOT NULL,
  finals integer NOT NULL
);
CREATE INDEX unsettled_request_time ON unsettled_request (happened_at);

-- Checkpoints that are kept, so that a later one can be shown to have grown out of them. Never changed.
CREATE TABLE kept_checkpoint (
  size bigint PRIMARY KEY CHECK (size > 0),
  checkpoint text NOT NULL,
  kept_at timestamptz NOT NULL
);

-- Makes the index's partition of a month, where it is missing. The service's role may add partitions in this way alone;
-- false where it can't be, since the month is too far off or its events are in `indexed_event_other` already.
CREATE FUNCTION make_index_month(month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ${schema}, pg_temp SET timezone = 'UTC' AS $$
DECLARE
  first date := date_trunc('month', month);
  name text := 'indexed_event_' || to_char(first, 'YYYY_MM');
BEGIN
  IF first < date '2020-01-01' OR first > now() + interval '2 months' THEN
    RETURN false;
  END IF;
  IF to_regclass(name) IS NULL THEN
    EXECUTE format('CREATE TABLE %I PARTITION OF indexed_event FOR VALUES FROM (%L) TO (%L)',
                   name, first::timestamptz, (first + interval '1 month')::timestamptz);
  END IF;
  RETURN true;
EXCEPTION
  WHEN check_violation THEN RETURN false;
  WHEN duplicate_table THEN RETURN true;
END $$;
REVOKE ALL ON FUNCTION make_index_month FROM PUBLIC;
GRANT EXECUTE ON FUNCTION make_index_month TO ${role};

GRANT SELECT, INSERT ON indexed_event, kept_checkpoint TO ${role};
GRANT SELECT, UPDATE ON index_position TO ${role};
GRANT SELECT, INSERT, UPDATE ON event_count TO ${role};
GRANT SELECT, INSERT, DELETE ON unsettled_request TO ${role};

-- What searches went by until now: each cost the writer an insert per event. No row of `entry` is touched.
DROP INDEX entry_subject, entry_time, entry_team, entry_organisation;
