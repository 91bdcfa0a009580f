import java.nio.file.Path;
import org.apache.spark.sql.SparkSession;

/** One small Spark with Delta Lake in this process. Databricks names its default catalog main. */
final class LocalSpark {
  private LocalSpark() {}

  static SparkSession start(Path folder) {
    SparkSession session =
        SparkSession.builder()
            .master("local[2]")
            .appName("simulated-warehouse")
            .config("spark.ui.enabled", "false")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.local.dir", folder.resolve("scratch").toString())
            .config("spark.sql.warehouse.dir", folder.resolve("tables").toString())
            .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
            .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
            .config("spark.sql.catalog.main", NamedDeltaCatalog.class.getName())
            .config("spark.sql.sources.default", "delta")
            .config("spark.sql.session.timeZone", "UTC")
            .config("spark.driver.maxResultSize", "256m")
            // One task where there is little to do: tests count in seconds of CPU.
            .config("spark.sql.shuffle.partitions", "1")
            .config("spark.default.parallelism", "1")
            .config("spark.databricks.delta.snapshotPartitions", "1")
            .getOrCreate();
    session.sparkContext().setLogLevel("ERROR");
    return session;
  }
}
