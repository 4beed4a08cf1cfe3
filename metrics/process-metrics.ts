import { opendir } from 'node:fs/promises'
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'

/**
 * Of prom-client's defaults. They list every handle of the process, or all its files, in one turn of the loop: 50 ms
 * with 10,000 connections. Gauges named `_total` are not what a scraper expects either.
 */
const LEFT_OUT = [
  ...['handles', 'requests', 'resources'].flatMap((what) => [`nodejs_active_${what}`, `nodejs_active_${what}_total`]),
  'process_open_fds',
]

/** Few enough that a turn of the loop stays short. */
const FILES_AT_ONCE = 512

let ofThisProcess: Registry | undefined

/** What Node and the system say about this process. Once for all, since it cannot be stopped: it watches loop and heap. */
export function processMetrics(): Registry {
  ofThisProcess ??= watchProcess()
  return ofThisProcess
}

function watchProcess(): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  for (const name of LEFT_OUT) registry.removeSingleMetric(name)
  if (process.platform === 'linux') watchFiles(registry)
  return registry
}

function watchFiles(registry: Registry): void {
  const openFiles: Gauge = new Gauge({
    name: 'process_open_fds',
    help: 'Number of open file descriptors.',
    registers: [registry],
    collect: async () => openFiles.set(await countOpenFiles()),
  })
}

async function countOpenFiles(): Promise<number> {
  const files = await opendir('/proc/self/fd', { bufferSize: FILES_AT_ONCE })
  let count = 0
  for await (const file of files) if (file.isSymbolicLink()) count += 1
  // Without the one that was opened to look.
  return count - 1
}
