-- Rows on their way into the lakehouse. Inserted by the transaction that takes the event in, and deleted by the one
-- that advances the watermark, after the target has them.
CREATE TABLE delivery_row (
  table_name text COLLATE "C" NOT NULL,
  position bigint GENERATED ALWAYS AS IDENTITY,
  -- What the target's MERGE knows the row by, together with the date.
  row_key uuid NOT NULL,
  event_date date NOT NULL,
  -- One JSON object: a member for each column.
  body text NOT NULL,
  taken_at timestamptz NOT NULL,
  PRIMARY KEY (table_name, position)
);

-- How each table stands.
CREATE TABLE delivery_state (
  table_name text COLLATE "C" PRIMARY KEY,
  -- Counts the writers: one that has been overtaken can no longer advance anything.
  epoch bigint NOT NULL,
  -- The highest position that was delivered. Rows of transactions that were slower may still wait below it.
  watermark bigint NOT NULL,
  delivered_rows bigint NOT NULL,
  last_success_at timestamptz,
  last_error_at timestamptz,
  last_error_code text,
  last_error text
);

-- What no column of the target can hold. Kept until somebody has seen to it.
CREATE TABLE refused_row (
  table_name text COLLATE "C" NOT NULL,
  row_key uuid NOT NULL,
  code text NOT NULL,
  reason text NOT NULL,
  event text NOT NULL,
  refused_at timestamptz NOT NULL,
  PRIMARY KEY (table_name, row_key)
);

GRANT SELECT, INSERT, DELETE ON delivery_row TO ${role};
GRANT SELECT, INSERT, UPDATE ON delivery_state TO ${role};
GRANT SELECT, INSERT ON refused_row TO ${role};
