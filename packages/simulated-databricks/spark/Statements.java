import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.spark.sql.SparkSession;

/** Sessions, and the statements that run in them. */
final class Statements {
  private final SparkSession spark;
  private final Map<String, SparkSession> sessions = new ConcurrentHashMap<>();
  private final Map<String, Thread> running = new ConcurrentHashMap<>();

  Statements(SparkSession spark) {
    this.spark = spark;
  }

  String open(JsonNode request) {
    SparkSession session = spark.newSession();
    SparkSession.setActiveSession(session);
    if (request.hasNonNull("catalog")) session.sql("SET CATALOG " + quoted(request.get("catalog").asText()));
    if (request.hasNonNull("schema")) session.sql("USE " + quoted(request.get("schema").asText()));
    String id = UUID.randomUUID().toString();
    sessions.put(id, session);
    return id;
  }

  void close(String session) {
    sessions.remove(session);
  }

  ArrowAnswer execute(JsonNode request) throws IOException {
    SparkSession session = sessions.get(request.get("session").asText());
    if (session == null) throw new IllegalStateException("the session is closed");
    String id = request.get("id").asText();
    running.put(id, Thread.currentThread());
    try {
      SparkSession.setActiveSession(session);
      spark.sparkContext().setJobGroup(id, "statement", true);
      return new ArrowAnswer(Parameters.run(session, request.get("sql").asText(), request.path("parameters")));
    } finally {
      running.remove(id);
      spark.sparkContext().clearJobGroup();
      // A cancellation that came too late must not hit the thread's next statement.
      Thread.interrupted();
    }
  }

  void cancel(String id) {
    spark.sparkContext().cancelJobGroup(id);
    Thread thread = running.get(id);
    if (thread != null) thread.interrupt();
  }

  private static String quoted(String name) {
    return "`" + name.replace("`", "``") + "`";
  }
}
