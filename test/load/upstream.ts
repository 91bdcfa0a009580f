/** The upstream of the benchmarks, as a process of its own. `node upstream.ts PORT TOKEN`. */
import { createSimulatedDatabricks } from '@tollgate/simulated-databricks';

const [port = '', token = ''] = process.argv.slice(2);
const upstream = createSimulatedDatabricks({ tokens: [token], anyEndpoint: true });
await upstream.listen(`127.0.0.1:${port}`);
