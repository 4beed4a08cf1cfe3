import { Counter, Gauge, Registry } from 'prom-client'
import { definitions, type Definition } from './definitions.ts'
import { processMetrics } from './process-metrics.ts'
import type { MetricSources } from './sources.ts'
import type { StoreWrites } from './store-writes.ts'

/** Who may read the page: programs on this machine, everyone, or nobody. */
export type MetricsAccess = 'loopback' | 'all' | 'off'

/** Who asks. */
export interface Caller {
  readonly address: string
  /** Whether the request says that a proxy passed it on: the address is then the proxy's. */
  readonly forwarded: boolean
}

export interface MetricsPage {
  readonly path: string
  mayRead(caller: Caller): boolean
  read(): Promise<{ readonly type: string; readonly text: string }>
}

export interface MetricsParts {
  readonly access: MetricsAccess
  readonly sources: MetricSources
  readonly storeWrites: StoreWrites
}

/** GET /metrics: the text format of Prometheus. No page at all when access is off; nothing is collected then. */
export function metricsPages({ access, sources, storeWrites }: MetricsParts): MetricsPage[] {
  if (access === 'off') return []
  const registries = [ownMetrics(sources, storeWrites), processMetrics()]
  return [
    {
      path: '/metrics',
      mayRead: ({ address, forwarded }) => access === 'all' || (isLoopback(address) && !forwarded),
      read: async () => ({
        type: Registry.PROMETHEUS_CONTENT_TYPE,
        text: (await Promise.all(registries.map((registry) => registry.metrics()))).join('\n'),
      }),
    },
  ]
}

const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1'

/** Every metric of ours that has something to tell. */
export function ownMetrics(sources: MetricSources, { seconds, failures }: StoreWrites): Registry {
  const registry = new Registry()
  for (const definition of definitions) {
    if (definition.read(sources).length > 0) register(registry, definition, sources)
  }
  registry.registerMetric(seconds)
  registry.registerMetric(failures)
  return registry
}

function register(
  registry: Registry,
  { name, help, type, labels = {}, read }: Definition,
  sources: MetricSources,
): void {
  const options = { name, help, labelNames: Object.keys(labels), registers: [registry] }
  if (type === 'gauge') {
    const gauge: Gauge = new Gauge({
      ...options,
      collect: () => read(sources).forEach((sample) => gauge.set(sample.labels, sample.value)),
    })
    return
  }
  // The counting is done elsewhere; prom-client only knows counters that it counts itself.
  const counter: Counter = new Counter({
    ...options,
    collect: () => {
      counter.reset()
      for (const sample of read(sources)) counter.inc(sample.labels, sample.value)
    },
  })
}
