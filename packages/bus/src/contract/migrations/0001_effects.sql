-- What the contract's handler does: one row per event it has not seen, and one per message it was given.
CREATE TABLE effect (event_id uuid NOT NULL, handled_by text NOT NULL);
CREATE TABLE seen_event (event_id uuid PRIMARY KEY);
CREATE TABLE delivery (topic text, partition integer, message_offset bigint);
GRANT SELECT, INSERT ON effect, seen_event, delivery TO ${role};
