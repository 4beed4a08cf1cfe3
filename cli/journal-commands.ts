import { InvalidArgumentError, Option, type Command } from 'commander'
import { setTimeout as sleep } from 'node:timers/promises'
import { MAX_ENTRIES_PER_PAGE, type Operator } from '../admin/index.ts'
import { parseDuration } from '../config.ts'
import { JOURNAL_KINDS, JOURNAL_RESULTS, type JournalEntry } from '../registry/index.ts'
import { ExitCode, usageError } from './failure.ts'
import { examples } from './help.ts'
import { fields, jsonLine } from './output.ts'
import type { Run, Session } from './session.ts'

const DEFAULT_PAGE = 50
const DEFAULT_TAIL = 20
const FOLLOW_EVERY_MS = 1_000

type Request = Parameters<Operator['listJournal']>[0]
type Filter = Omit<Request, 'limit' | 'before' | 'after'>

export function addJournalCommands(program: Command, run: Run): void {
  const journal = program
    .command('journal')
    .alias('audit')
    .description('what happened: registrations, refusals, operations')

  filtered(journal.command('list').description('list entries, newest first'))
    .option('--limit <number>', `how many, at most ${MAX_ENTRIES_PER_PAGE}`, parseLimit, DEFAULT_PAGE)
    .option('--before <number>', 'begin before this entry', parseNumber)
    .addHelpText(
      'after',
      examples(
        'mooring journal list --device A1-0001',
        'mooring journal list --kind registration --result refused --since 24h',
        'mooring journal list --address 192.0.2.7 --json',
      ),
    )
    .action((options: ListOptions, command: Command) => run(command, (session) => list(session, options)))

  filtered(journal.command('tail').description('print the last entries, oldest first'))
    .option('-n, --lines <number>', `how many, at most ${MAX_ENTRIES_PER_PAGE}`, parseLimit, DEFAULT_TAIL)
    .option('-f, --follow', 'go on with what happens, until you interrupt it')
    .addHelpText('after', examples('mooring journal tail -f', 'mooring journal tail -f --kind login --json'))
    .action((options: TailOptions, command: Command) => run(command, (session) => tail(session, options)))

  filtered(journal.command('export').description('print all entries, oldest first, one JSON document in a line'))
    .addHelpText(
      'after',
      examples('mooring journal export > journal.jsonl', 'mooring journal export --since 2026-01-01T00:00:00Z'),
    )
    .action((options: FilterOptions, command: Command) => run(command, (session) => exportAll(session, options)))

  journal
    .command('verify')
    .description('check that no entry was changed, put in or taken out; exit code 1 when one was')
    .option('--expect <number:hash>', 'an entry that was noted elsewhere must be in it', parseLink)
    .addHelpText('after', examples('mooring journal verify'))
    .action((options: VerifyOptions, command: Command) => run(command, (session) => verify(session, options)))
}

interface FilterOptions {
  readonly kind?: JournalEntry['kind']
  readonly result?: JournalEntry['result']
  readonly device?: string
  readonly manufacturerId?: string
  readonly address?: string
  readonly token?: string
  readonly since?: string
  readonly until?: string
}

interface ListOptions extends FilterOptions {
  readonly limit: number
  readonly before?: number
}

interface TailOptions extends FilterOptions {
  readonly lines: number
  readonly follow?: true
}

interface VerifyOptions {
  readonly expect?: { readonly seq: number; readonly hash: string }
}

const filtered = (command: Command): Command =>
  command
    .addOption(new Option('--kind <kind>', 'of this kind').choices(JOURNAL_KINDS))
    .addOption(new Option('--result <result>', 'that ended so').choices(JOURNAL_RESULTS))
    .option('--device <device>', 'about a device: its device ID or its manufacturer ID')
    .option('--manufacturer-id <id>', 'with this manufacturer ID')
    .option('--address <address>', 'from this address')
    .option('--token <id>', 'with this registration token, by its ID')
    .option('--since <time>', 'from then on: 2026-01-31T12:00:00Z, or 24h for the last day', parseTime)
    .option('--until <time>', 'before then', parseTime)

function parseLimit(text: string): number {
  const limit = Number(text)
  if (/^\d+$/.test(text) && limit >= 1 && limit <= MAX_ENTRIES_PER_PAGE) return limit
  throw new InvalidArgumentError(`It must be a number from 1 to ${MAX_ENTRIES_PER_PAGE}.`)
}

function parseNumber(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be the number of an entry.')
}

function parseTime(text: string): string {
  try {
    return new Date(Date.now() - parseDuration(text)).toISOString()
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  const date = new Date(text)
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(date.getTime())) return date.toISOString()
  throw new InvalidArgumentError('It must be a time such as 2026-01-31T12:00:00Z, or a duration such as 24h.')
}

function parseLink(text: string): VerifyOptions['expect'] {
  const [, seq, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? []
  if (seq !== undefined && hash !== undefined) return { seq: Number(seq), hash }
  throw new InvalidArgumentError('It must be the number of an entry, a colon and its hash.')
}

/** The options of a command are the fields of a request, and nothing else of it. */
const filterOf = ({ kind, result, device, manufacturerId, address, token, since, until }: FilterOptions): Filter => ({
  ...(kind === undefined ? {} : { kind }),
  ...(result === undefined ? {} : { result }),
  ...(device === undefined ? {} : { device }),
  ...(manufacturerId === undefined ? {} : { manufacturerId }),
  ...(address === undefined ? {} : { address }),
  ...(token === undefined ? {} : { token }),
  ...(since === undefined ? {} : { since }),
  ...(until === undefined ? {} : { until }),
})

async function list(session: Session, options: ListOptions): Promise<void> {
  const { output } = session
  const page = await session.withOperator((operator) => newest(operator, options.limit, options))
  output.answer(page, () => (page.entries.length === 0 ? 'no entries' : output.table(COLUMNS, page.entries.map(rowOf))))
  if (page.next !== undefined) output.note(`There are more: --before ${page.next}`)
}

/** As many as were asked for where there are so many: the server answers with fewer rather than search for long. */
async function newest(
  operator: Operator,
  limit: number,
  options: FilterOptions & { readonly before?: number },
): Promise<{ entries: JournalEntry[]; next?: number }> {
  const filter = filterOf(options)
  const entries: JournalEntry[] = []
  let { before } = options
  for (;;) {
    const page = await operator.listJournal({
      ...filter,
      limit: limit - entries.length,
      ...(before === undefined ? {} : { before }),
    })
    entries.push(...page.entries)
    if (page.next === undefined) return { entries }
    if (entries.length === limit) return { entries, next: page.next }
    before = page.next
  }
}

async function tail(session: Session, options: TailOptions): Promise<void> {
  const { output, context } = session
  const print = (entries: readonly JournalEntry[]): void => {
    for (const entry of entries) output.answer(entry, () => lineOf(entry))
  }
  await session.withOperator(async (operator, { running }) => {
    // What happens while the first page is on its way is not missed: it is after the newest that this one knows.
    const last = (await operator.listJournal({ limit: 1 })).entries[0]?.seq ?? 0
    const page = await newest(operator, options.lines, { ...options, before: last + 1 })
    print(page.entries.toReversed())
    if (options.follow !== true) return
    if (!running) throw usageError('nothing can be followed: no server runs')
    const interrupted = new AbortController()
    const stopListening = context.onInterrupt(() => interrupted.abort())
    try {
      await follow(operator, last, filterOf(options), interrupted.signal, print)
    } finally {
      stopListening()
    }
  })
}

async function follow(
  operator: Operator,
  from: number,
  filter: Filter,
  signal: AbortSignal,
  print: (entries: readonly JournalEntry[]) => void,
): Promise<void> {
  let after = from
  while (!signal.aborted) {
    const newestNow = (await operator.listJournal({ limit: 1 })).entries[0]?.seq ?? after
    if (newestNow > after) {
      for await (const entries of pages(operator, after, filter)) print(entries.filter(({ seq }) => seq <= newestNow))
      after = newestNow
    }
    await sleep(FOLLOW_EVERY_MS, undefined, { signal }).catch(() => {})
  }
}

async function* pages(operator: Operator, from: number, filter: Filter): AsyncGenerator<readonly JournalEntry[]> {
  let after: number | undefined = from
  while (after !== undefined) {
    const page: Awaited<ReturnType<Operator['listJournal']>> = await operator.listJournal({
      ...filter,
      limit: MAX_ENTRIES_PER_PAGE,
      after,
    })
    yield page.entries
    after = page.next
  }
}

/** To the byte as it was sealed, so that the hashes can be checked elsewhere; on a terminal, harmless. */
async function exportAll(session: Session, options: FilterOptions): Promise<void> {
  const { stdout, stdoutIsTTY } = session.context
  const textOf = stdoutIsTTY ? jsonLine : JSON.stringify
  await session.withOperator(async (operator) => {
    for await (const entries of pages(operator, 0, filterOf(options))) {
      stdout.write(entries.map((entry) => `${textOf(entry)}\n`).join(''))
    }
  })
}

async function verify(session: Session, { expect }: VerifyOptions): Promise<number> {
  const verdict = await session.withOperator((operator) =>
    operator.verifyJournal(expect === undefined ? {} : { expected: expect }),
  )
  const { whole, problem, checked, head, anchor } = verdict
  session.output.answer(verdict, () =>
    fields([
      ['journal', whole ? 'whole' : 'not whole'],
      ...(problem === undefined ? [] : [['problem', problem] as const]),
      ['checked', `${checked} entries`],
      ['last entry', `${head.seq}:${head.hash}`],
      ...(anchor.seq === 0 ? [] : [['removed', `up to entry ${anchor.seq}`] as const]),
    ]),
  )
  if (whole) session.output.note('Keep the last entry elsewhere: --expect then shows whether all was written anew.')
  return whole ? ExitCode.ok : ExitCode.failure
}

export const COLUMNS = ['ENTRY', 'TIME', 'KIND', 'RESULT', 'WHO', 'ADDRESS', 'WHAT']

export const rowOf = (entry: JournalEntry): string[] => [
  `${entry.seq}`,
  entry.at,
  entry.kind,
  entry.count === undefined ? entry.result : `${entry.result} ×${entry.count}`,
  entry.manufacturerId ?? entry.deviceId ?? entry.clientId ?? entry.caller?.name ?? entry.caller?.kind ?? '',
  [entry.address, entry.otherAddress].filter((address) => address !== undefined).join(', '),
  [entry.operation, entry.target, entry.detail, entry.code, entry.reason]
    .filter((text) => text !== undefined)
    .join(' '),
]

const lineOf = (entry: JournalEntry): string =>
  jsonSafe(
    rowOf(entry)
      .filter((cell) => cell !== '')
      .join('  '),
  )

/** What came from outside must not steer the terminal. */
const jsonSafe = (text: string): string => jsonLine(text).slice(1, -1)
