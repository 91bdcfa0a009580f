-- Quantities of windows and leases are whole numbers of the limit's smallest unit: requests, tokens, or 10^-18 of a
-- currency. Limits themselves are decimals, as people write them.

CREATE TABLE budget_limit (
  limit_id text COLLATE "C" PRIMARY KEY,
  version integer NOT NULL CHECK (version >= 1),
  organisation_id text COLLATE "C" NOT NULL,
  -- Whose it is to see: the team that the scope names, or that its project or key belongs to.
  team_id text COLLATE "C",
  scope jsonb NOT NULL,
  -- The scope as one text, whatever the order of its entries.
  scope_text text COLLATE "C" NOT NULL,
  unit text COLLATE "C" NOT NULL,
  window_kind text COLLATE "C" NOT NULL,
  time_zone text COLLATE "C" NOT NULL,
  amount numeric NOT NULL CHECK (amount >= 0),
  currency text COLLATE "C",
  strict boolean NOT NULL,
  created_at timestamptz NOT NULL,
  created_by text NOT NULL,
  updated_at timestamptz NOT NULL,
  updated_by text NOT NULL,
  -- A deleted limit stays: its leases and windows still are confirmed.
  deleted_at timestamptz,
  -- Counts the changes of the table: its maximum tells a reader whether what it remembers is still all.
  change bigint NOT NULL UNIQUE
);
CREATE UNIQUE INDEX budget_limit_live ON budget_limit
  (organisation_id, scope_text, unit, window_kind, time_zone, currency) NULLS NOT DISTINCT
  WHERE deleted_at IS NULL;

-- One row per limit and window in which anything happened: the sums over its leases, and what usage events say.
CREATE TABLE budget_window (
  limit_id text COLLATE "C" NOT NULL,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  -- The limit's amount in this window: follows edits until the window has ended.
  amount numeric NOT NULL,
  -- Held by leases: what is granted, less what was given back.
  granted numeric NOT NULL DEFAULT 0 CHECK (granted >= 0),
  -- What leases are known to have used, by their reports or by usage events.
  settled numeric NOT NULL DEFAULT 0,
  -- What they used beyond what they held.
  overshoot numeric NOT NULL DEFAULT 0 CHECK (overshoot >= 0),
  -- Used by requests without a lease: degraded gateways let them pass.
  unleased numeric NOT NULL DEFAULT 0,
  -- Used by every request that the limit applies to, each usage event once.
  confirmed numeric NOT NULL DEFAULT 0,
  -- Usage events that a limit of money could not count: no price, or another currency.
  uncounted bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (limit_id, starts_at)
) WITH (fillfactor = 50);
CREATE INDEX budget_window_by_start ON budget_window (starts_at, limit_id);

CREATE TABLE lease (
  -- Made by the gateway.
  lease_id uuid PRIMARY KEY,
  limit_id text COLLATE "C" NOT NULL,
  window_starts_at timestamptz NOT NULL,
  instance text COLLATE "C" NOT NULL,
  source text COLLATE "C" NOT NULL,
  granted numeric NOT NULL CHECK (granted > 0),
  -- What it still takes from the window: all of it while open, what it used afterwards.
  held numeric NOT NULL CHECK (held BETWEEN 0 AND granted),
  -- Greatest cumulative total that the gateway reported.
  settled numeric NOT NULL DEFAULT 0,
  -- Sum over the usage events that name it.
  confirmed numeric NOT NULL DEFAULT 0,
  state text COLLATE "C" NOT NULL CHECK (state IN ('open', 'returned', 'reconciled')),
  granted_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  closed_at timestamptz CHECK ((closed_at IS NULL) = (state = 'open'))
) WITH (fillfactor = 50);
CREATE INDEX lease_unreconciled ON lease (source) WHERE state <> 'reconciled';
CREATE INDEX lease_reconciled ON lease (closed_at) WHERE state = 'reconciled';

-- How far each gateway epoch's usage is known to be complete.
CREATE TABLE usage_source (
  source_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE,
  -- Every usage event up to this number has been counted, so many there are, and the source said so then.
  complete_through bigint NOT NULL DEFAULT 0,
  complete_count bigint NOT NULL DEFAULT 0,
  complete_at timestamptz,
  -- The source's latest verified word that is not complete here yet.
  stated_through bigint,
  stated_count bigint,
  stated_at timestamptz,
  -- Its last number, once it is known to have ended.
  ended_through bigint,
  -- The later epoch that said so, and accounts for the requests that this one left open.
  successor text COLLATE "C",
  -- What its start says of earlier epochs; believed from its first verified word on.
  claims jsonb NOT NULL DEFAULT '[]'
) WITH (fillfactor = 50);

-- Usage events that were counted. Those up to their source's complete_through need no row.
CREATE TABLE counted_usage (
  event_id uuid PRIMARY KEY,
  source_id integer NOT NULL,
  sequence bigint NOT NULL
);
CREATE INDEX counted_usage_by_source ON counted_usage (source_id, sequence);

GRANT SELECT, INSERT, UPDATE ON budget_limit, budget_window, usage_source TO ${role};
GRANT SELECT, INSERT, UPDATE, DELETE ON lease TO ${role};
GRANT SELECT, INSERT, DELETE ON counted_usage TO ${role};
