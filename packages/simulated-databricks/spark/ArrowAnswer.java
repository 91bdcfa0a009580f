import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.List;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.vector.ipc.ReadChannel;
import org.apache.arrow.vector.ipc.WriteChannel;
import org.apache.arrow.vector.ipc.message.MessageSerializer;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.util.ArrowUtils;

/**
 * A result on its way out: frames of a length (four bytes, big-endian) and as many bytes. The first is JSON that names
 * the columns and counts each batch's rows, the second Arrow's schema message, and each further one a record batch.
 */
final class ArrowAnswer {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String TIME_ZONE = "UTC";

  private final StructType schema;
  private final List<byte[]> batches = new ArrayList<>();
  private final List<Long> rows = new ArrayList<>();

  ArrowAnswer(Dataset<Row> result) throws IOException {
    schema = result.schema();
    if (schema.isEmpty()) return;
    var classic = (org.apache.spark.sql.classic.Dataset<Row>) result;
    var collected = (byte[][]) classic.toArrowBatchRdd(classic.queryExecution().executedPlan()).collect();
    for (byte[] batch : collected) {
      long count = rowsOf(batch);
      if (count == 0) continue;
      batches.add(batch);
      rows.add(count);
    }
  }

  void writeTo(OutputStream out) throws IOException {
    DataOutputStream data = new DataOutputStream(out);
    frame(data, JSON.writeValueAsBytes(head()));
    frame(data, schemaMessage());
    for (byte[] batch : batches) frame(data, batch);
    data.flush();
  }

  private ObjectNode head() {
    ObjectNode head = JSON.createObjectNode();
    ArrayNode columns = head.putArray("columns");
    for (StructField field : schema.fields()) {
      columns.addObject().put("name", field.name()).put("type", field.dataType().catalogString());
    }
    ArrayNode counts = head.putArray("rows");
    rows.forEach(counts::add);
    return head;
  }

  private byte[] schemaMessage() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    var arrow = ArrowUtils.toArrowSchema(schema, TIME_ZONE, true, false);
    MessageSerializer.serialize(new WriteChannel(Channels.newChannel(bytes)), arrow);
    return bytes.toByteArray();
  }

  private static long rowsOf(byte[] batch) throws IOException {
    var in = new ReadChannel(Channels.newChannel(new ByteArrayInputStream(batch)));
    var message = MessageSerializer.readMessage(in).getMessage();
    return ((RecordBatch) message.header(new RecordBatch())).length();
  }

  private static void frame(DataOutputStream out, byte[] bytes) throws IOException {
    out.writeInt(bytes.length);
    out.write(bytes);
  }
}
