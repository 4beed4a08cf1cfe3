import type { Command } from 'commander'
import { stringify } from 'csv-stringify/sync'
import { MAX_ROWS_PER_PAGE, readAllowListRecords } from '../admin/index.ts'
import { usageError } from './failure.ts'
import { collect, examples } from './help.ts'
import { fileRefused, readRows, tagsText } from './import-file.ts'
import { fields, printable } from './output.ts'
import { parseLimitOf } from './parse-limit.ts'
import { parseTag } from './tags.ts'
import type { Run, Session } from './session.ts'

const DEFAULT_PAGE = 100

export function addAllowCommands(program: Command, run: Run): void {
  const allow = program
    .command('allow')
    .description('the allow-list: manufacturer IDs that are expected (registration.mode: allowlist)')

  allow
    .command('list')
    .description('list what is expected, with the device that each has become')
    .option('--missing', 'only those that have not registered')
    .option('--arrived', 'only those that have')
    .option('--limit <number>', `how many, at most ${MAX_ROWS_PER_PAGE}`, parseLimitOf(MAX_ROWS_PER_PAGE), DEFAULT_PAGE)
    .option('--after <manufacturer-id>', 'begin after this one')
    .addHelpText('after', examples('mooring allow list --missing'))
    .action((options: ListOptions, command: Command) => run(command, (session) => listAllowed(session, options)))

  allow
    .command('import')
    .argument('<file>', 'CSV; its first row names the columns: manufacturerId, and perhaps tags, note')
    .description('replace the list by a file, in one step or not at all')
    .option('--dry-run', 'only say what would change')
    .addHelpText('after', examples('mooring allow import line3.csv --dry-run', 'mooring allow import line3.csv'))
    .action((file: string, options: { dryRun?: true }, command: Command) =>
      run(command, (session) => importFile(session, file, options.dryRun === true)),
    )

  allow
    .command('export')
    .description('print the list as CSV that can be imported again')
    .addHelpText('after', examples('mooring allow export > allowed.csv'))
    .action((_options: unknown, command: Command) => run(command, exportList))

  allow
    .command('add')
    .argument('<manufacturer-id>')
    .description('expect one more device')
    .option('--tag <key=value>', 'given to it when it registers; may be given more than once', collect)
    .option('--note <text>', 'for people', '')
    .action((id: string, options: { tag?: readonly string[]; note: string }, command: Command) =>
      run(command, (session) => addOne(session, id, options)),
    )

  allow
    .command('remove')
    .argument('<manufacturer-id>')
    .description('expect a device no longer; one that has registered stays')
    .action((id: string, _options: unknown, command: Command) =>
      run(command, async (session) => {
        const entry = await session.withOperator((operator) => operator.removeFromAllowList({ manufacturerId: id }))
        session.output.answer(entry, () => `no longer expected: ${printable(entry.manufacturerId)}`)
      }),
    )

  allow
    .command('check')
    .argument('<manufacturer-id>')
    .description('say whether a device is expected, and whether it has arrived')
    .action((id: string, _options: unknown, command: Command) => run(command, (session) => checkOne(session, id)))
}

interface ListOptions {
  readonly missing?: true
  readonly arrived?: true
  readonly limit: number
  readonly after?: string
}

async function listAllowed(session: Session, { missing, arrived, limit, after }: ListOptions): Promise<void> {
  if (missing && arrived) throw usageError('--missing and --arrived exclude each other')
  const { output } = session
  const { page, total } = await session.withOperator(async (operator) => ({
    page: await operator.listAllowList({
      limit,
      ...(after === undefined ? {} : { after }),
      ...(missing ? { only: 'missing' as const } : arrived ? { only: 'arrived' as const } : {}),
    }),
    total: (await operator.allowListStatus()).entries,
  }))
  output.answer(page, () => {
    if (page.entries.length === 0) {
      return total === 0 ? 'the allow-list is empty; fill it with: mooring allow import FILE.csv' : 'none'
    }
    return output.table(
      ['MANUFACTURER ID', 'DEVICE', 'TAGS', 'NOTE'],
      page.entries.map(({ manufacturerId, deviceId, tags, note }) => [
        manufacturerId,
        deviceId ?? 'missing',
        tagsText(tags) || '-',
        note || '-',
      ]),
    )
  })
  if (page.next !== undefined) output.note(`There may be more: --after ${printable(page.next)}`)
}

async function importFile(session: Session, file: string, dryRun: boolean): Promise<void> {
  const { output } = session
  const { problems, count, change } = await session.withOperator(async (operator) => {
    const { import: id } = await operator.beginAllowListImport()
    const request = { import: id }
    let isCommitted = false
    try {
      const read = await readRows(session, file, readAllowListRecords, async (rows) => {
        const answer = await operator.addAllowListRows({ ...request, rows: [...rows] })
        return answer.problems
      })
      if (read.problems.length > 0) return { ...read, change: undefined }
      if (dryRun) return { ...read, change: await operator.compareAllowListImport(request) }
      const committed = await operator.commitAllowListImport(request)
      isCommitted = true
      return { ...read, change: committed }
    } finally {
      if (!isCommitted) await operator.abandonAllowListImport(request).catch(() => {})
    }
  })
  if (change === undefined) throw fileRefused(output, file, problems)
  output.answer({ ...change, applied: !dryRun }, () =>
    fields([
      ['rows', String(count)],
      ['added', `${change.added}${exampleText(change.examples.added, change.added)}`],
      ['removed', `${change.removed}${exampleText(change.examples.removed, change.removed)}`],
      ['changed', String(change.changed)],
      ['unchanged', String(change.unchanged)],
      ['applied', dryRun ? 'no (--dry-run)' : 'yes'],
    ]),
  )
}

const exampleText = (names: readonly string[], count: number): string =>
  count === 0 ? '' : `  (${names.join(', ')}${count > names.length ? ', …' : ''})`

async function exportList(session: Session): Promise<void> {
  const { output } = session
  const rows = await session.withOperator(async (operator) => {
    const all: (readonly [manufacturerId: string, tags: string, note: string])[] = []
    let after: string | undefined
    do {
      const page = await operator.listAllowList({ limit: MAX_ROWS_PER_PAGE, ...(after === undefined ? {} : { after }) })
      for (const { manufacturerId, tags, note } of page.entries) all.push([manufacturerId, tagsText(tags), note])
      after = page.next
    } while (after !== undefined)
    return all
  })
  output.answer({ entries: rows.map(([manufacturerId, tags, note]) => ({ manufacturerId, tags, note })) }, () =>
    stringify([['manufacturerId', 'tags', 'note'], ...rows]),
  )
}

async function addOne(session: Session, id: string, options: { tag?: readonly string[]; note: string }): Promise<void> {
  const tags = (options.tag ?? []).map(parseTag)
  const entry = await session.withOperator((operator) =>
    operator.addToAllowList({ manufacturerId: id, tags, note: options.note }),
  )
  session.output.answer(entry, () => `expected: ${printable(entry.manufacturerId)}`)
}

async function checkOne(session: Session, id: string): Promise<void> {
  const entry = await session.withOperator((operator) => operator.checkAllowList({ manufacturerId: id }))
  session.output.answer(entry, () =>
    fields([
      ['manufacturer ID', entry.manufacturerId],
      ['device', entry.deviceId ?? 'has not registered'],
      ['tags', tagsText(entry.tags) || '-'],
      ['note', entry.note || '-'],
    ]),
  )
}
