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
  const own = new Registry()
  const registries = [own, processMetrics()]
  own.registerMetric(storeWrites.seconds)
  own.registerMetric(storeWrites.failures)
  return [
    {
      path: '/metrics',
      mayRead: ({ address, forwarded }) => access === 'all' || (isLoopback(address) && !forwarded),
      read: async () => {
        registerTold(own, sources)
        const texts = await Promise.all(registries.map((registry) => registry.metrics()))
        return { type: Registry.PROMETHEUS_CONTENT_TYPE, text: texts.join('\n') }
      },
    },
  ]
}

const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1'

/** What had nothing to tell so far may have now: there are no backups before the first. */
function registerTold(registry: Registry, sources: MetricSources): void {
  for (const definition of definitions) {
    const isNews = registry.getSingleMetric(definition.name) === undefined && definition.read(sources).length > 0
    if (isNews) register(registry, definition, sources)
  }
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
