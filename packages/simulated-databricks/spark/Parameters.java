import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataType;

/** Runs SQL with parameters that arrive as text beside the name of their type. */
final class Parameters {
  private Parameters() {}

  static Dataset<Row> run(SparkSession session, String sql, JsonNode parameters) {
    Map<String, Object> named = new HashMap<>();
    List<Object> positional = new ArrayList<>();
    for (JsonNode parameter : parameters) {
      Object value = valueOf(session, parameter);
      if (parameter.hasNonNull("name")) named.put(parameter.get("name").asText(), value);
      else positional.add(value);
    }
    if (!named.isEmpty()) return session.sql(sql, named);
    if (!positional.isEmpty()) return session.sql(sql, positional.toArray());
    return session.sql(sql);
  }

  private static Object valueOf(SparkSession session, JsonNode parameter) {
    if (!parameter.hasNonNull("value")) return null;
    String text = parameter.get("value").asText();
    String type = parameter.path("type").asText("STRING").toUpperCase(Locale.ROOT);
    switch (type) {
      case "STRING":
        return text;
      case "DECIMAL":
        // Without precision and scale it has those of the text.
        return new BigDecimal(text);
      default:
        String known = DataType.fromDDL(type).sql();
        return session.sql("SELECT CAST(:text AS " + known + ")", Map.of("text", text)).first().get(0);
    }
  }
}
