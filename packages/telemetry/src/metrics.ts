import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { TelemetryError } from './errors.ts';

export type { Counter, Gauge, Histogram } from 'prom-client';

export type MetricDefinition<Label extends string> = {
  /** `tollgate_<service>_<what>_<unit>`; a counter's ends in `_total`. */
  readonly name: string;
  /** One sentence for whoever reads the dashboard. */
  readonly help: string;
  /** Label names. Every value set of them is a time series: never a request's id, a user or a free text. */
  readonly labels?: readonly Label[];
};

export type HistogramDefinition<Label extends string> = MetricDefinition<Label> & {
  /** Upper bounds, ascending, in the metric's unit. */
  readonly buckets: readonly number[];
};

export type GaugeDefinition<Label extends string> = MetricDefinition<Label> & {
  /** Called at each scrape to set the value, for what is cheaper to look up than to keep. */
  readonly collect?: (gauge: Gauge<Label>) => void | Promise<void>;
};

export type Metrics = {
  readonly registry: Registry;
  counter<Label extends string = never>(definition: MetricDefinition<Label>): Counter<Label>;
  gauge<Label extends string = never>(definition: GaugeDefinition<Label>): Gauge<Label>;
  histogram<Label extends string = never>(definition: HistogramDefinition<Label>): Histogram<Label>;
  /** The exposition text of everything registered; its media type is `registry.contentType`. */
  text(): Promise<string>;
};

export type MetricsOptions = {
  /** Also measure the process (CPU, memory, event loop, garbage collection). One service per process asks for it. */
  readonly processMetrics?: boolean;
};

const METRIC_NAME = /^tollgate_[a-z][a-z0-9_]*$/;

/** A registry of the service's own, with constructors that register in it. */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  const registry = new Registry();
  if (options.processMetrics === true) collectDefaultMetrics({ register: registry });
  return {
    registry,
    counter(definition) {
      if (!definition.name.endsWith('_total')) {
        throw new TelemetryError('metric_name', `counter ${definition.name}: end its name in _total`);
      }
      return new Counter(described(definition, registry));
    },
    gauge<Label extends string = never>(definition: GaugeDefinition<Label>) {
      const { collect } = definition;
      const gauge: Gauge<Label> = new Gauge({
        ...described(definition, registry),
        ...(collect === undefined ? {} : { collect: () => collect(gauge) }),
      });
      return gauge;
    },
    histogram(definition) {
      return new Histogram({ ...described(definition, registry), buckets: [...definition.buckets] });
    },
    text: () => registry.metrics(),
  };
}

function described<Label extends string>(definition: MetricDefinition<Label>, registry: Registry) {
  if (!METRIC_NAME.test(definition.name)) {
    throw new TelemetryError(
      'metric_name',
      `metric ${definition.name}: name it tollgate_<service>_<what>_<unit>, in lower case`,
    );
  }
  return {
    name: definition.name,
    help: definition.help,
    labelNames: [...(definition.labels ?? [])],
    registers: [registry],
  };
}
