import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bench } from './bench.ts'
import { killChildren } from './children.ts'
import { Fleet } from './fleet.ts'
import { chooseCores, describeMachine } from './machine.ts'
import { readOptions, usage, type Options } from './options.ts'
import { repository } from './places.ts'
import { renderText } from './render.ts'
import type { Report, SuiteReport } from './report.ts'
import { suites } from './suites/index.ts'
import { withTables } from './write-docs.ts'

process.umask(0o077)

const names = suites.map(({ name }) => name)
process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = readOptions(args, names)
    if (options.help) process.stdout.write(usage(names))
    else if (options.from === undefined) await measureAndTell(options)
    else writeDocs(JSON.parse(readFileSync(options.from, 'utf8')))
    return 0
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  }
}

async function measureAndTell(options: Options): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'mooring-bench-'))
  const cleanUp = (): void => {
    killChildren()
    rmSync(folder, { recursive: true, force: true })
  }
  process.once('exit', cleanUp)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

  const bench: Bench = {
    folder,
    cores: chooseCores(),
    repeats: options.repeats,
    fleet: await Fleet.create(folder),
    say: (text) => process.stderr.write(`  … ${text}\n`),
  }
  const report: { version: 1; suites: SuiteReport[] } = { version: 1, suites: [] }
  for (const suite of suites) {
    if (options.only.length > 0 && !options.only.includes(suite.name)) continue
    const measured: SuiteReport = {
      name: suite.name,
      title: suite.title,
      command: `npm run bench -- ${suite.name}`,
      machine: describeMachine(),
      repeats: bench.repeats,
      ...(await suite.run(bench)),
      measuredAt: new Date().toISOString(),
    }
    report.suites.push(measured)
    process.stdout.write(`\n${renderText(measured)}\n`)
    // After each suite: a long run that breaks has not been for nothing.
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`)
  }
  if (options.writeDocs) writeDocs(report)
}

function writeDocs(report: Report): void {
  const path = join(repository, 'docs/benchmarks.md')
  writeFileSync(path, withTables(readFileSync(path, 'utf8'), report))
}
