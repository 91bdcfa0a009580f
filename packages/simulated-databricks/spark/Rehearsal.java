import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.OutputStream;

/** The statements that a warehouse is asked for most, so that what they load is loaded once. */
final class Rehearsal {
  private static final String[] STATEMENTS = {
    "CREATE SCHEMA main.rehearsal",
    "CREATE TABLE main.rehearsal.t (id STRING, version BIGINT, amount DECIMAL(38,18), at TIMESTAMP) USING DELTA"
        + " TBLPROPERTIES (delta.appendOnly = false)",
    "MERGE INTO main.rehearsal.t t USING (SELECT r.* FROM (SELECT explode(from_json('[{\"id\":\"a\",\"version\":1}]',"
        + " 'array<struct<id:string,version:bigint,amount:decimal(38,18),at:timestamp>>')) AS r)) s ON t.id = s.id"
        + " WHEN MATCHED AND s.version > t.version THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *",
    "SELECT id, count(*), sum(amount) FROM main.rehearsal.t GROUP BY id ORDER BY id",
    "DELETE FROM main.rehearsal.t WHERE id = 'b'",
    "DROP SCHEMA main.rehearsal CASCADE",
  };

  private Rehearsal() {}

  static void run(Statements statements) throws Exception {
    ObjectNode request = new ObjectMapper().createObjectNode();
    request.put("session", statements.open(request));
    for (String sql : STATEMENTS) {
      statements.execute(request.put("id", sql).put("sql", sql)).writeTo(OutputStream.nullOutputStream());
    }
  }
}
