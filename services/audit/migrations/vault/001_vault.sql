-- The payload vault: what is known of each stored body. Bodies lie in the body store, keys in key files: no key, wrapped
-- or not, is ever in this database, so that none is left in dead rows, in the write-ahead log or in backups of either.

-- Erases and expires; the service's own role can't. Shared by all databases of the server.
DO $$
BEGIN
  CREATE ROLE audit_vault_eraser NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
GRANT audit_vault_eraser TO ${role};
GRANT USAGE ON SCHEMA ${schema} TO audit_vault_eraser;

-- The keys that wrap payloads' keys: one per team and day (of UTC, of the request). `slot` is where it lies in the key file.
CREATE TABLE vault_team_day (
  slot bigint GENERATED ALWAYS AS IDENTITY (START WITH 0 MINVALUE 0) PRIMARY KEY,
  organisation_id text NOT NULL,
  team_id text NOT NULL,
  day date NOT NULL,
  -- Its key is gone, and another one serves what comes later.
  wiped_at timestamptz
);
CREATE UNIQUE INDEX vault_team_day_current ON vault_team_day (organisation_id, team_id, day) WHERE wiped_at IS NULL;

CREATE TABLE vault_payload (
  -- Where its wrapped key lies in the key file.
  slot bigint GENERATED ALWAYS AS IDENTITY (START WITH 0 MINVALUE 0) PRIMARY KEY,
  request_id uuid NOT NULL,
  direction text NOT NULL CHECK (direction IN ('request', 'response')),
  organisation_id text NOT NULL,
  team_id text NOT NULL,
  principal_type text NOT NULL,
  principal_id text NOT NULL,
  end_user text,
  requested_at timestamptz NOT NULL,
  retain_until timestamptz NOT NULL,
  content_type text NOT NULL,
  body_bytes bigint NOT NULL,
  kept_bytes integer NOT NULL,
  -- Under a salt that lies encrypted with the body: without it, it tests no guess.
  digest bytea NOT NULL CHECK (octet_length(digest) = 32),
  team_day bigint NOT NULL REFERENCES vault_team_day,
  object text NOT NULL,
  object_offset integer NOT NULL,
  object_bytes integer NOT NULL,
  received_at timestamptz NOT NULL,
  -- `arriving` until key and body are on the disk.
  state text NOT NULL CHECK (state IN ('arriving', 'kept', 'erased')),
  erasure_id uuid,
  UNIQUE (request_id, direction)
);
CREATE INDEX vault_payload_object ON vault_payload (object);
CREATE INDEX vault_payload_team ON vault_payload (team_id, requested_at);
CREATE INDEX vault_payload_principal ON vault_payload (principal_id, requested_at);
CREATE INDEX vault_payload_end_user ON vault_payload (end_user, requested_at) WHERE end_user IS NOT NULL;
CREATE INDEX vault_payload_retention ON vault_payload (retain_until) WHERE state = 'kept';
CREATE INDEX vault_payload_erasure ON vault_payload (erasure_id, slot) WHERE erasure_id IS NOT NULL;

-- What a hold or an erasure is about: whatever is not null has to fit.
CREATE TABLE vault_hold (
  hold_id uuid PRIMARY KEY,
  organisation_id text,
  team_id text,
  principal_id text,
  end_user text,
  request_id uuid,
  since timestamptz,
  until timestamptz,
  reason text NOT NULL,
  placed_by text NOT NULL,
  placed_at timestamptz NOT NULL,
  released_by text,
  released_at timestamptz,
  release_reason text
);

CREATE TABLE vault_erasure (
  erasure_id uuid PRIMARY KEY,
  cause text NOT NULL CHECK (cause IN ('asked', 'retention')),
  organisation_id text,
  team_id text,
  principal_id text,
  end_user text,
  request_id uuid,
  since timestamptz,
  -- What was asked of a model later is not erased; null where one request was named.
  until timestamptz,
  reason text NOT NULL,
  erased_by text NOT NULL,
  erased_at timestamptz NOT NULL,
  -- Null until every key is gone from the disk; the next start goes on where a process was killed.
  wiped_at timestamptz
);

CREATE TABLE vault_reveal (
  reveal_id uuid PRIMARY KEY,
  request_id uuid NOT NULL,
  organisation_id text NOT NULL,
  team_id text NOT NULL,
  reason text NOT NULL,
  asked_by text NOT NULL,
  asked_at timestamptz NOT NULL,
  needs_approval boolean NOT NULL,
  approved_by text,
  approved_at timestamptz,
  expires_at timestamptz NOT NULL,
  CHECK (approved_by IS NULL OR approved_by <> asked_by)
);

GRANT SELECT, INSERT ON vault_team_day, vault_payload, vault_hold, vault_erasure, vault_reveal TO ${role};
-- A payload that has arrived; it can't be brought back by this.
GRANT UPDATE (state) ON vault_payload TO ${role};
GRANT UPDATE (released_by, released_at, release_reason) ON vault_hold TO ${role};
GRANT UPDATE (approved_by, approved_at) ON vault_reveal TO ${role};

GRANT SELECT ON vault_team_day, vault_payload, vault_hold, vault_erasure TO audit_vault_eraser;
GRANT UPDATE (state, erasure_id) ON vault_payload TO audit_vault_eraser;
GRANT UPDATE (wiped_at) ON vault_team_day, vault_erasure TO audit_vault_eraser;
GRANT INSERT ON vault_erasure TO audit_vault_eraser;

-- What is erased stays erased, whoever writes.
CREATE FUNCTION vault_payload_stays_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state = 'erased' AND NEW.state <> 'erased' THEN
    RAISE EXCEPTION 'an erased payload can not come back';
  END IF;
  IF NEW.state = 'erased' AND OLD.state <> 'erased' AND current_user <> 'audit_vault_eraser' THEN
    RAISE EXCEPTION 'only the role audit_vault_eraser erases payloads';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER vault_payload_stays_erased BEFORE UPDATE ON vault_payload
  FOR EACH ROW EXECUTE FUNCTION vault_payload_stays_erased();
