import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.Executors;
import org.apache.spark.SparkThrowable;
import org.apache.spark.sql.SparkSession;

/**
 * Executes SQL on a local Spark for one caller who knows the token: JSON in, Arrow out, on loopback only.
 *
 * <p>Arguments: a folder, for tables, scratch files and ready.json, which tells the port once it listens; and what
 * becomes of the process: "follow" ends it with its standard input, which is its parent's end however that dies;
 * "outlive" leaves it to be killed; "rehearse" runs a few statements, so that the classes loaded can be archived, and ends.
 */
public final class SqlServer {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int FAILED = 422;

  private final Statements statements;
  private final String authorization;

  private SqlServer(Statements statements, String token) {
    this.statements = statements;
    this.authorization = "Bearer " + token;
  }

  public static void main(String[] arguments) throws Exception {
    Path folder = Path.of(arguments[0]);
    String fate = arguments[1];
    if (fate.equals("follow")) endWithStandardInput();
    SparkSession spark = LocalSpark.start(folder);
    if (fate.equals("rehearse")) {
      Rehearsal.run(new Statements(spark));
      spark.stop();
      return;
    }
    SqlServer handler = new SqlServer(new Statements(spark), System.getenv("SPARK_SERVER_TOKEN"));
    HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), 0);
    server.setExecutor(Executors.newCachedThreadPool());
    server.createContext("/", handler::receive);
    server.start();
    announce(folder, server.getAddress().getPort());
  }

  private static void endWithStandardInput() {
    Thread watch =
        new Thread(
            () -> {
              try {
                while (System.in.read() >= 0) {}
              } catch (IOException lost) {
                // Gone, too.
              }
              Runtime.getRuntime().halt(0);
            });
    watch.setDaemon(true);
    watch.start();
  }

  private static void announce(Path folder, int port) throws IOException {
    ObjectNode ready = JSON.createObjectNode().put("port", port).put("pid", ProcessHandle.current().pid());
    Path partial = folder.resolve("ready.json.part");
    Files.write(partial, JSON.writeValueAsBytes(ready));
    Files.move(partial, folder.resolve("ready.json"), StandardCopyOption.ATOMIC_MOVE);
  }

  private void receive(HttpExchange exchange) throws IOException {
    try (exchange) {
      if (!authorization.equals(exchange.getRequestHeaders().getFirst("authorization"))) {
        exchange.sendResponseHeaders(401, -1);
        return;
      }
      try {
        answer(exchange, JSON.readTree(exchange.getRequestBody()));
      } catch (Throwable failure) {
        send(exchange, FAILED, describe(failure));
      }
    }
  }

  private void answer(HttpExchange exchange, JsonNode request) throws IOException {
    switch (exchange.getRequestURI().getPath()) {
      case "/open":
        send(exchange, 200, JSON.createObjectNode().put("session", statements.open(request)));
        return;
      case "/close":
        statements.close(request.get("session").asText());
        send(exchange, 200, JSON.createObjectNode());
        return;
      case "/cancel":
        statements.cancel(request.get("id").asText());
        send(exchange, 200, JSON.createObjectNode());
        return;
      case "/execute":
        ArrowAnswer result = statements.execute(request);
        exchange.sendResponseHeaders(200, 0);
        try (OutputStream out = exchange.getResponseBody()) {
          result.writeTo(out);
        }
        return;
      default:
        exchange.sendResponseHeaders(404, -1);
    }
  }

  private static void send(HttpExchange exchange, int status, JsonNode body) throws IOException {
    byte[] bytes = JSON.writeValueAsBytes(body);
    exchange.sendResponseHeaders(status, bytes.length);
    exchange.getResponseBody().write(bytes);
  }

  /** Spark's condition and SQLSTATE are often on a cause. */
  private static ObjectNode describe(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof SparkThrowable known && known.getCondition() != null) {
        return JSON.createObjectNode()
            .put("message", cause.getMessage())
            .put("condition", known.getCondition())
            .put("sqlState", known.getSqlState());
      }
    }
    return JSON.createObjectNode().put("message", failure.toString());
  }
}
