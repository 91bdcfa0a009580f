-- Ids and words of ours are compared byte by byte (COLLATE "C"), which costs less than a language's order.

-- The price book: rows are only ever added (the role has no UPDATE or DELETE).
CREATE TABLE price (
  price_id uuid PRIMARY KEY,
  -- Counts the book's rows: its maximum tells a reader whether what it holds in memory is still the whole book.
  ordinal bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  provider text NOT NULL,
  model text COLLATE "C" NOT NULL,
  serving_mode text COLLATE "C" NOT NULL,
  region text COLLATE "C",
  token_class text COLLATE "C" NOT NULL,
  amount numeric NOT NULL CHECK (amount >= 0),
  per_quantity bigint NOT NULL CHECK (per_quantity > 0),
  currency text NOT NULL,
  effective_from timestamptz NOT NULL,
  effective_to timestamptz CHECK (effective_to > effective_from),
  source text NOT NULL,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  UNIQUE NULLS NOT DISTINCT (model, serving_mode, region, token_class, effective_from)
);

-- The billing time zone of an organisation, fixed by its first usage after the directory had told it.
CREATE TABLE billing_calendar (
  organisation_id text COLLATE "C" PRIMARY KEY,
  time_zone text COLLATE "C" NOT NULL,
  fixed_at timestamptz NOT NULL
);

-- Who and what a usage is charged to, once per distinct set; the id is a digest of the other columns.
CREATE TABLE attribution (
  attribution_id uuid PRIMARY KEY,
  organisation_id text COLLATE "C" NOT NULL,
  team_id text COLLATE "C" NOT NULL,
  project_id text COLLATE "C",
  cost_centre_id text COLLATE "C",
  principal_type text COLLATE "C" NOT NULL,
  principal_id text COLLATE "C" NOT NULL,
  key_id text COLLATE "C" NOT NULL,
  requested_model text COLLATE "C",
  served_model text COLLATE "C",
  target_id text COLLATE "C",
  serving_mode text COLLATE "C",
  region text COLLATE "C",
  tags jsonb NOT NULL
);

-- One row per usage event, exactly as often as the event's id.
CREATE TABLE usage (
  event_id uuid PRIMARY KEY,
  request_id uuid NOT NULL,
  client_request_id text COLLATE "C",
  attribution_id uuid NOT NULL,
  requested_at timestamptz NOT NULL,
  billing_period text COLLATE "C" NOT NULL,
  -- The directory did not know the organisation, so the period is that of UTC.
  time_zone_assumed boolean NOT NULL,
  attempt integer NOT NULL,
  final boolean NOT NULL,
  outcome text COLLATE "C" NOT NULL,
  fidelity text COLLATE "C" NOT NULL,
  input_tokens bigint NOT NULL,
  output_tokens bigint NOT NULL,
  cached_input_tokens bigint NOT NULL,
  cache_creation_tokens bigint NOT NULL,
  reasoning_tokens bigint NOT NULL,
  -- The currency of its priced charges; null where it has none.
  currency text COLLATE "C",
  source text COLLATE "C" NOT NULL,
  sequence bigint NOT NULL,
  -- The transaction that charged it. Readers who follow go by this: unlike a serial number, it tells which rows
  -- can no longer be joined by earlier ones (those below the oldest transaction that still runs).
  taken_in xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX usage_taken_in ON usage (taken_in);

-- One immutable row per usage event and token class.
CREATE TABLE charge (
  usage_event_id uuid NOT NULL,
  token_class text COLLATE "C" NOT NULL,
  quantity bigint NOT NULL,
  status text COLLATE "C" NOT NULL,
  price_id uuid,
  amount numeric,
  currency text COLLATE "C",
  PRIMARY KEY (usage_event_id, token_class),
  CHECK ((amount IS NULL) = (status = 'unpriced'))
);
CREATE INDEX charge_unpriced ON charge (usage_event_id) WHERE status = 'unpriced';

-- What reports read: usage by hour ...
CREATE TABLE usage_hour (
  hour timestamptz NOT NULL,
  attribution_id uuid NOT NULL,
  billing_period text COLLATE "C" NOT NULL,
  outcome text COLLATE "C" NOT NULL,
  fidelity text COLLATE "C" NOT NULL,
  currency text COLLATE "C",
  requests bigint NOT NULL,
  attempts bigint NOT NULL,
  input_tokens bigint NOT NULL,
  output_tokens bigint NOT NULL,
  cached_input_tokens bigint NOT NULL,
  cache_creation_tokens bigint NOT NULL,
  reasoning_tokens bigint NOT NULL,
  time_zone_assumed bigint NOT NULL,
  UNIQUE NULLS NOT DISTINCT (hour, attribution_id, billing_period, outcome, fidelity, currency)
) WITH (fillfactor = 50);

-- ... and charges by hour, per price row, so that amount = quantity × price holds here too.
CREATE TABLE charge_hour (
  hour timestamptz NOT NULL,
  attribution_id uuid NOT NULL,
  billing_period text COLLATE "C" NOT NULL,
  outcome text COLLATE "C" NOT NULL,
  fidelity text COLLATE "C" NOT NULL,
  token_class text COLLATE "C" NOT NULL,
  status text COLLATE "C" NOT NULL,
  price_id uuid,
  currency text COLLATE "C",
  lines bigint NOT NULL,
  quantity bigint NOT NULL,
  amount numeric NOT NULL,
  UNIQUE NULLS NOT DISTINCT
    (hour, attribution_id, billing_period, outcome, fidelity, token_class, status, price_id)
) WITH (fillfactor = 50);
CREATE INDEX charge_hour_unpriced ON charge_hour (hour) WHERE status = 'unpriced';

GRANT SELECT, INSERT ON price, billing_calendar, attribution, usage, charge TO ${role};
GRANT SELECT, INSERT, UPDATE ON usage_hour, charge_hour TO ${role};
