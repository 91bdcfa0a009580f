import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.connector.catalog.CatalogPlugin;
import org.apache.spark.sql.delta.catalog.DeltaCatalog;
import org.apache.spark.sql.util.CaseInsensitiveStringMap;

/**
 * A second name for the session catalog, so that Unity Catalog's three-part names, such as main.tollgate.charges, find
 * their tables. Delta's own catalog under another name would have no catalog beneath it to keep tables in.
 */
public class NamedDeltaCatalog extends DeltaCatalog {
  @Override
  public void initialize(String name, CaseInsensitiveStringMap options) {
    super.initialize(name, options);
    var session = (org.apache.spark.sql.classic.SparkSession) SparkSession.active();
    setDelegateCatalog((CatalogPlugin) session.sessionState().catalogManager().v2SessionCatalog());
  }
}
