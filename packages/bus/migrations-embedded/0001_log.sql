-- The embedded bus: an event log in a schema of its own. ${role} owns the functions that services may call, and can't
-- log in; services read the tables, and append through `append`. No service can change or remove a message.

CREATE TABLE topic (
  topic text PRIMARY KEY CHECK (topic ~ '^[a-z][a-z-]{0,40}$'),
  -- Offsets mean nothing in another topic of that name.
  identity uuid NOT NULL DEFAULT gen_random_uuid(),
  partitions integer NOT NULL CHECK (partitions BETWEEN 1 AND 64),
  -- Keeps the newest message of each key instead of those of the last days.
  compacted boolean NOT NULL,
  -- How long a message is kept at least for those who have not read it.
  retention_ms bigint NOT NULL CHECK (retention_ms > 0),
  -- How long a superseded message of a compacted topic is kept, though every registered group has read it.
  compaction_lag_ms bigint NOT NULL CHECK (compaction_lag_ms >= 0)
);

-- Where each partition's log begins and ends. `append` moves `next_offset`, and holds the row's lock until its
-- transaction has ended: offsets are contiguous, and given in the order of commits (see `append`).
CREATE TABLE topic_partition (
  topic text NOT NULL REFERENCES topic,
  partition integer NOT NULL CHECK (partition >= 0),
  first_offset bigint NOT NULL DEFAULT 0 CHECK (first_offset >= 0),
  next_offset bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (topic, partition),
  CHECK (first_offset <= next_offset)
) WITH (fillfactor = 10);

-- One table per topic below it: `message_<topic>`, whose key is (partition, message_offset).
CREATE TABLE message (
  topic text NOT NULL,
  partition integer NOT NULL,
  message_offset bigint NOT NULL,
  key text NOT NULL,
  value bytea NOT NULL,
  appended_at timestamptz NOT NULL
) PARTITION BY LIST (topic);

-- Who may append to what.
CREATE TABLE topic_writer (
  topic text NOT NULL REFERENCES topic,
  role name NOT NULL,
  PRIMARY KEY (topic, role)
);

-- How far each group has come, as it says itself every few seconds: its true position is in its own database. Keeps
-- compaction from what a group has yet to read, and tells people of lag.
CREATE TABLE group_progress (
  consumer_group text NOT NULL,
  topic text NOT NULL REFERENCES topic,
  partition integer NOT NULL,
  next_offset bigint NOT NULL,
  -- Nobody else may speak for the group.
  registered_by name NOT NULL DEFAULT session_user,
  noted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (consumer_group, topic, partition)
) WITH (fillfactor = 50);

GRANT SELECT, UPDATE ON topic_partition TO ${role};
GRANT SELECT, INSERT, DELETE ON message TO ${role};
GRANT SELECT ON topic, topic_writer TO ${role};
GRANT SELECT, INSERT, UPDATE ON group_progress TO ${role};

-- Makes a topic unless it is there. For the owner.
CREATE FUNCTION create_topic(
  new_topic text, partition_count integer, is_compacted boolean, retention bigint, compaction_lag bigint
) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  child text := 'message_' || replace(new_topic, '-', '_');
BEGIN
  INSERT INTO ${schema}.topic (topic, partitions, compacted, retention_ms, compaction_lag_ms)
    VALUES (new_topic, partition_count, is_compacted, retention, compaction_lag) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN false; END IF;
  INSERT INTO ${schema}.topic_partition (topic, partition)
    SELECT new_topic, partition FROM generate_series(0, partition_count - 1) AS partition;
  EXECUTE format('CREATE TABLE ${schema}.%I PARTITION OF ${schema}.message FOR VALUES IN (%L)', child, new_topic);
  EXECUTE format('ALTER TABLE ${schema}.%I ADD PRIMARY KEY (partition, message_offset)', child);
  -- Written once, read a few times within seconds: compressing would cost more than it saves.
  EXECUTE format('ALTER TABLE ${schema}.%I ALTER COLUMN value SET STORAGE EXTERNAL', child);
  RETURN true;
END $$;

-- Appends messages to partitions, and returns where each partition ends afterwards. Part i has `counts[i]` messages,
-- whose keys and lengths follow each other in `keys` and `lengths`, and their values in `bytes`: one value sent as
-- it is costs a fraction of an array of texts.
--
-- The partition's row is locked until the caller's transaction has ended. So a later writer is given its offsets only
-- once the earlier one's are visible to every new snapshot (Postgres lets go of row locks after it has made a
-- transaction visible), or have been taken back: nobody sees offset n + 1 before n, and a rollback leaves no hole.
-- Callers name parts in the order of topic and partition, lest two of them wait for each other.
CREATE FUNCTION append(
  topics text[], partitions integer[], counts integer[], keys text[], lengths integer[], bytes bytea
) RETURNS bigint[] LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ends bigint[] := '{}';
  done integer := 0;
  done_bytes bigint := 0;
  part_bytes bigint;
  following bigint;
BEGIN
  -- Acknowledged means durable, whatever the session or its role is set to.
  IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
  FOR part IN 1 .. cardinality(topics) LOOP
    IF NOT EXISTS (SELECT FROM ${schema}.topic_writer w WHERE w.topic = topics[part] AND w.role = session_user) THEN
      RAISE EXCEPTION 'role % may not append to topic %', session_user, topics[part] USING ERRCODE = 'TB002';
    END IF;
    UPDATE ${schema}.topic_partition p SET next_offset = p.next_offset + counts[part]
      WHERE p.topic = topics[part] AND p.partition = partitions[part] RETURNING p.next_offset INTO following;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'there is no partition % of topic %', partitions[part], topics[part] USING ERRCODE = 'TB001';
    END IF;
    INSERT INTO ${schema}.message (topic, partition, message_offset, key, value, appended_at)
      SELECT topics[part], partitions[part], following - counts[part] + m.number - 1, m.key,
        substring(bytes FROM (done_bytes + 1 + sum(m.length) OVER (ORDER BY m.number) - m.length)::integer
                        FOR m.length),
        clock_timestamp()
      FROM ROWS FROM (
        unnest(keys[done + 1 : done + counts[part]]), unnest(lengths[done + 1 : done + counts[part]])
      ) WITH ORDINALITY AS m (key, length, number);
    SELECT COALESCE(sum(l), 0) INTO part_bytes FROM unnest(lengths[done + 1 : done + counts[part]]) AS l;
    done := done + counts[part];
    done_bytes := done_bytes + part_bytes;
    ends := ends || following;
  END LOOP;
  IF done <> cardinality(keys) OR done <> cardinality(lengths) OR done_bytes <> octet_length(bytes) THEN
    RAISE EXCEPTION 'counts, keys, lengths and bytes do not fit each other' USING ERRCODE = 'TB003';
  END IF;
  RETURN ends;
END $$;

-- A group says how far it has come; the first time registers it.
CREATE FUNCTION note_progress(of_group text, topics text[], partitions integer[], next_offsets bigint[])
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO ${schema}.group_progress AS g (consumer_group, topic, partition, next_offset)
    SELECT of_group, topic, partition, next_offset
    FROM unnest(topics, partitions, next_offsets) AS u (topic, partition, next_offset)
    ORDER BY topic, partition
  ON CONFLICT (consumer_group, topic, partition) DO UPDATE
    SET next_offset = EXCLUDED.next_offset, noted_at = now() WHERE g.registered_by = session_user;
$$;

-- Removes messages that need not be kept, at most `max_rows` of one partition, and returns how many; 0 when there is
-- nothing to remove, or another session is at it. What may go is decided here and not by the caller:
-- of a compacted topic what a newer message of its key supersedes, once it is older than the compaction lag and every
-- registered group has read it, or once it is older than the retention; of any other what is older than the retention.
CREATE FUNCTION sweep(max_rows integer)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  log record;
  keep_from bigint;
  removed integer;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('tollgate.bus/sweep', 0)) THEN RETURN 0; END IF;
  FOR log IN
    SELECT p.topic, p.partition, p.first_offset, p.next_offset, t.compacted,
      clock_timestamp() - t.retention_ms * interval '1 millisecond' AS expired_before,
      clock_timestamp() - t.compaction_lag_ms * interval '1 millisecond' AS settled_before
    FROM ${schema}.topic_partition p JOIN ${schema}.topic t USING (topic)
    WHERE p.first_offset < p.next_offset ORDER BY p.topic, p.partition
  LOOP
    IF log.compacted THEN
      SELECT GREATEST(
          COALESCE(min(m.message_offset) FILTER (WHERE m.appended_at >= log.expired_before), log.next_offset),
          LEAST(
            COALESCE(min(m.message_offset) FILTER (WHERE m.appended_at >= log.settled_before), log.next_offset),
            COALESCE((SELECT min(g.next_offset) FROM ${schema}.group_progress g
                      WHERE g.topic = log.topic AND g.partition = log.partition), log.next_offset)))
        INTO keep_from FROM ${schema}.message m
        WHERE m.topic = log.topic AND m.partition = log.partition;
      -- The newest of a key stays, so every later reader still finds the latest state, and a log's last message.
      DELETE FROM ${schema}.message m USING (
        SELECT s.message_offset FROM (
          SELECT c.message_offset, max(c.message_offset) OVER (PARTITION BY c.key) AS newest
          FROM ${schema}.message c WHERE c.topic = log.topic AND c.partition = log.partition
        ) s WHERE s.message_offset < s.newest AND s.message_offset < keep_from
        ORDER BY s.message_offset LIMIT max_rows
      ) superseded
      WHERE m.topic = log.topic AND m.partition = log.partition AND m.message_offset = superseded.message_offset;
      GET DIAGNOSTICS removed = ROW_COUNT;
    ELSE
      CONTINUE WHEN NOT EXISTS (
        SELECT FROM ${schema}.message m WHERE m.topic = log.topic AND m.partition = log.partition
          AND m.message_offset = log.first_offset AND m.appended_at < log.expired_before);
      SELECT COALESCE(min(o.message_offset) FILTER (WHERE o.appended_at >= log.expired_before),
                      max(o.message_offset) + 1)
        INTO keep_from FROM (
          SELECT m.message_offset, m.appended_at FROM ${schema}.message m
          WHERE m.topic = log.topic AND m.partition = log.partition AND m.message_offset >= log.first_offset
          ORDER BY m.message_offset LIMIT max_rows
        ) o;
      DELETE FROM ${schema}.message m
        WHERE m.topic = log.topic AND m.partition = log.partition
          AND m.message_offset >= log.first_offset AND m.message_offset < keep_from;
      GET DIAGNOSTICS removed = ROW_COUNT;
      -- Last, because writers wait for this row.
      UPDATE ${schema}.topic_partition p SET first_offset = keep_from
        WHERE p.topic = log.topic AND p.partition = log.partition;
    END IF;
    IF removed > 0 THEN RETURN removed; END IF;
  END LOOP;
  RETURN 0;
END $$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA ${schema} FROM PUBLIC;
GRANT ${role} TO CURRENT_USER;
GRANT CREATE ON SCHEMA ${schema} TO ${role};
ALTER FUNCTION append OWNER TO ${role};
ALTER FUNCTION note_progress OWNER TO ${role};
ALTER FUNCTION sweep OWNER TO ${role};
REVOKE CREATE ON SCHEMA ${schema} FROM ${role};
