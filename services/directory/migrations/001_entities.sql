-- Constraints are named <table>_<field>_fk and <table>_<field>_unique: a violation is told to the caller by the field.
-- A reference within an organisation carries the organisation, so that it can't cross to another.
-- Ids are minted once and never used again; a deleted row is gone, its tombstone is an event.

CREATE TABLE organisation (
  id text PRIMARY KEY,
  name text NOT NULL CONSTRAINT organisation_name_unique UNIQUE,
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  billing_time_zone text NOT NULL,
  version integer NOT NULL CHECK (version >= 1),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);

CREATE TABLE cost_centre (
  id text PRIMARY KEY,
  organisation_id text NOT NULL CONSTRAINT cost_centre_organisation_id_fk REFERENCES organisation,
  name text NOT NULL,
  code text NOT NULL,
  parent_id text,
  version integer NOT NULL CHECK (version >= 1),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  UNIQUE (organisation_id, id),
  CONSTRAINT cost_centre_code_unique UNIQUE (organisation_id, code),
  CONSTRAINT cost_centre_parent_id_fk FOREIGN KEY (organisation_id, parent_id)
    REFERENCES cost_centre (organisation_id, id),
  CHECK (parent_id <> id)
);
CREATE INDEX ON cost_centre (parent_id);

CREATE TABLE team (
  id text PRIMARY KEY,
  organisation_id text NOT NULL CONSTRAINT team_organisation_id_fk REFERENCES organisation,
  name text NOT NULL,
  cost_centre_id text,
  version integer NOT NULL CHECK (version >= 1),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  UNIQUE (organisation_id, id),
  CONSTRAINT team_name_unique UNIQUE (organisation_id, name),
  CONSTRAINT team_cost_centre_id_fk FOREIGN KEY (organisation_id, cost_centre_id)
    REFERENCES cost_centre (organisation_id, id)
);
CREATE INDEX ON team (cost_centre_id);

CREATE TABLE project (
  id text PRIMARY KEY,
  organisation_id text NOT NULL,
  team_id text NOT NULL,
  name text NOT NULL,
  cost_centre_id text,
  version integer NOT NULL CHECK (version >= 1),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  UNIQUE (team_id, id),
  CONSTRAINT project_name_unique UNIQUE (team_id, name),
  CONSTRAINT project_team_id_fk FOREIGN KEY (organisation_id, team_id) REFERENCES team (organisation_id, id),
  CONSTRAINT project_cost_centre_id_fk FOREIGN KEY (organisation_id, cost_centre_id)
    REFERENCES cost_centre (organisation_id, id)
);
CREATE INDEX ON project (cost_centre_id);

-- Users and service principals: whoever can be given groups, roles, keys and tokens.
CREATE TABLE principal (
  id text PRIMARY KEY,
  type text NOT NULL CHECK (type IN ('user', 'service')),
  organisation_id text NOT NULL CONSTRAINT principal_organisation_id_fk REFERENCES organisation,
  name text NOT NULL,
  -- The subject at the identity provider; users alone have one.
  external_subject text CONSTRAINT principal_external_subject_unique UNIQUE CHECK (type = 'user' OR external_subject IS NULL),
  version integer NOT NULL CHECK (version >= 1),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  UNIQUE (organisation_id, id),
  UNIQUE (organisation_id, type, id),
  CONSTRAINT principal_name_unique UNIQUE (organisation_id, type, name)
);

CREATE TABLE principal_group (
  id text PRIMARY KEY,
  organisation_id text NOT NULL CONSTRAINT principal_group_organisation_id_fk REFERENCES organisation,
  name text NOT NULL,
  version integer NOT NULL CHECK (version >= 1),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  UNIQUE (organisation_id, id),
  CONSTRAINT principal_group_name_unique UNIQUE (organisation_id, name)
);

CREATE TABLE membership (
  organisation_id text NOT NULL,
  principal_id text NOT NULL,
  group_id text NOT NULL,
  PRIMARY KEY (principal_id, group_id),
  CONSTRAINT membership_principal_id_fk FOREIGN KEY (organisation_id, principal_id)
    REFERENCES principal (organisation_id, id) ON DELETE CASCADE,
  CONSTRAINT membership_group_ids_fk FOREIGN KEY (organisation_id, group_id)
    REFERENCES principal_group (organisation_id, id)
);
CREATE INDEX ON membership (group_id);

CREATE TABLE group_role (
  id text PRIMARY KEY,
  organisation_id text NOT NULL,
  group_id text NOT NULL,
  role text NOT NULL,
  team_id text,
  version integer NOT NULL CHECK (version >= 1),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT group_role_role_unique UNIQUE NULLS NOT DISTINCT (group_id, role, team_id),
  CONSTRAINT group_role_group_id_fk FOREIGN KEY (organisation_id, group_id)
    REFERENCES principal_group (organisation_id, id),
  CONSTRAINT group_role_team_id_fk FOREIGN KEY (organisation_id, team_id) REFERENCES team (organisation_id, id)
);
CREATE INDEX ON group_role (team_id);

-- A role for a while. It counts, and is published, from its approval by a second person on.
CREATE TABLE role_grant (
  id text PRIMARY KEY,
  organisation_id text NOT NULL,
  principal_id text NOT NULL,
  role text NOT NULL,
  team_id text,
  reason text NOT NULL CHECK (reason <> ''),
  requested_by text NOT NULL,
  approved_by text CHECK (approved_by <> principal_id AND approved_by <> requested_by),
  approved_at timestamptz,
  expires_at timestamptz NOT NULL,
  version integer NOT NULL CHECK (version >= 1),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CHECK ((approved_by IS NULL) = (approved_at IS NULL)),
  CONSTRAINT role_grant_principal_id_fk FOREIGN KEY (organisation_id, principal_id)
    REFERENCES principal (organisation_id, id),
  CONSTRAINT role_grant_team_id_fk FOREIGN KEY (organisation_id, team_id) REFERENCES team (organisation_id, id)
);
CREATE INDEX ON role_grant (principal_id);
CREATE INDEX ON role_grant (team_id);

CREATE TABLE api_key (
  id text PRIMARY KEY,
  organisation_id text NOT NULL,
  team_id text NOT NULL,
  project_id text,
  cost_centre_id text,
  -- `key`: it stands for itself, and principal_id is its own id.
  principal_type text NOT NULL CHECK (principal_type IN ('user', 'service', 'key')),
  principal_id text NOT NULL CHECK (principal_type <> 'key' OR principal_id = id),
  owner_id text GENERATED ALWAYS AS (CASE WHEN principal_type = 'key' THEN NULL ELSE principal_id END) STORED,
  name text NOT NULL,
  sha256 text NOT NULL UNIQUE CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  tags json NOT NULL,
  expires_at timestamptz,
  version integer NOT NULL CHECK (version >= 1),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT api_key_name_unique UNIQUE (team_id, name),
  CONSTRAINT api_key_team_id_fk FOREIGN KEY (organisation_id, team_id) REFERENCES team (organisation_id, id),
  CONSTRAINT api_key_project_id_fk FOREIGN KEY (team_id, project_id) REFERENCES project (team_id, id),
  CONSTRAINT api_key_cost_centre_id_fk FOREIGN KEY (organisation_id, cost_centre_id)
    REFERENCES cost_centre (organisation_id, id),
  CONSTRAINT api_key_principal_id_fk FOREIGN KEY (organisation_id, principal_type, owner_id)
    REFERENCES principal (organisation_id, type, id)
);
CREATE INDEX ON api_key (owner_id);
CREATE INDEX ON api_key (project_id);
CREATE INDEX ON api_key (cost_centre_id);

-- Without an organisation: a token of the whole installation, whose principal is only a name.
CREATE TABLE access_token (
  id text PRIMARY KEY,
  organisation_id text CONSTRAINT access_token_organisation_id_fk REFERENCES organisation,
  principal_type text NOT NULL CHECK (principal_type IN ('user', 'service')),
  principal_id text NOT NULL,
  name text NOT NULL,
  sha256 text NOT NULL UNIQUE CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  roles text[] NOT NULL,
  scopes text[] NOT NULL,
  team_id text CHECK (team_id IS NULL OR organisation_id IS NOT NULL),
  expires_at timestamptz,
  version integer NOT NULL CHECK (version >= 1),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT access_token_name_unique UNIQUE NULLS NOT DISTINCT (organisation_id, principal_id, name),
  CONSTRAINT access_token_principal_id_fk FOREIGN KEY (organisation_id, principal_type, principal_id)
    REFERENCES principal (organisation_id, type, id),
  CONSTRAINT access_token_team_id_fk FOREIGN KEY (organisation_id, team_id) REFERENCES team (organisation_id, id)
);
CREATE INDEX ON access_token (principal_id);
CREATE INDEX ON access_token (team_id);

CREATE TABLE gateway_instance (
  id text PRIMARY KEY,
  instance text NOT NULL CONSTRAINT gateway_instance_instance_unique UNIQUE,
  public_key text NOT NULL,
  version integer NOT NULL CHECK (version >= 1),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);

GRANT SELECT, INSERT, UPDATE, DELETE ON
  organisation, cost_centre, team, project, principal, principal_group, membership, group_role, role_grant,
  api_key, access_token, gateway_instance
TO ${role};
