-- Exports go through the index in the order of the log. Rows lie nearly in that order, so that a few pages of ranges tell
-- where a stretch of leaves is.
CREATE INDEX indexed_event_leaf ON indexed_event USING brin (leaf_index) WITH (pages_per_range = 32, autosummarize = on);
