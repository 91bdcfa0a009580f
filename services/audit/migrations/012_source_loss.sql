-- Sources that somebody has acknowledged to be lost for good: what they wrote last, or what is missing of them, comes no
-- more. Each is an admin event as well, and counts only once that event is in the log. Never changed, never removed.
CREATE TABLE source_loss (
  -- Of the admin event.
  event_id uuid PRIMARY KEY,
  source text NOT NULL,
  -- What was known of it then.
  known_through bigint NOT NULL,
  missing bigint NOT NULL,
  heard_at timestamptz NOT NULL,
  -- Since when it is known to have written nothing.
  dead_since timestamptz NOT NULL,
  acknowledged_at timestamptz NOT NULL,
  acknowledged_by text NOT NULL,
  reason text NOT NULL
);
CREATE INDEX source_loss_source ON source_loss (source);
GRANT SELECT, INSERT ON source_loss TO ${role};
