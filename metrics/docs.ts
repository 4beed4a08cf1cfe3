import { definitions } from './definitions.ts'
import { processMetrics } from './process-metrics.ts'
import { StoreWrites } from './store-writes.ts'

const BEGIN = '<!-- metrics: generated -->'
const END = '<!-- metrics: end -->'

/** `docs/metrics.md` with its table of metrics as the program knows them. */
export async function metricsDocs(page: string): Promise<string> {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin < 0 || end < begin) throw new TypeError(`the page has no part between ${BEGIN} and ${END}`)
  return `${page.slice(0, begin)}${BEGIN}\n\n${await metricsTable()}\n${page.slice(end)}`
}

async function metricsTable(): Promise<string> {
  const { seconds, failures } = new StoreWrites()
  const others = [await seconds.get(), await failures.get(), ...(await processMetrics().getMetricsAsJSON())]
  const rows = [
    ...definitions.map(({ name, type, labels = {}, help }) => [name, type, labelsText(labels), help]),
    ...others.map(({ name, type, help }) => [name, String(type), '', help]),
  ].map(([name, ...cells]) => [`\`${name}\``, ...cells])
  const header = ['Metric', 'Type', 'Labels', 'What it is']
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => row[column]!.length)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |\n`
  return [line(header), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('')
}

const labelsText = (labels: Readonly<Record<string, readonly string[]>>): string =>
  Object.entries(labels)
    .map(([label, values]) => [`\`${label}\``, values.map((value) => `\`${value}\``).join(', ')])
    .map(([label, values]) => (values === '' ? label : `${label}: ${values}`))
    .join(', ')
