import { isUtf8 } from 'node:buffer'
import { Option, type Command } from 'commander'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { MAX_ITEMS_PER_PAGE, type MessageText } from '../admin/index.ts'
import { systemCode } from '../storage/index.ts'
import { usageError } from './failure.ts'
import { examples } from './help.ts'
import { printable } from './output.ts'
import { parseLimitOf } from './parse-limit.ts'
import { readBytes } from './secret-input.ts'
import type { Run, Session } from './session.ts'
import { tailTopic, type TailOptions } from './topic-tail.ts'

const DEFAULT_PAGE = 100
const MOST_COUNTED = 1_000_000_000
const FILTER = 'a topic filter, such as "losant/+/state"'

export function addTopicCommands(program: Command, run: Run): void {
  const topic = program
    .command('topic')
    .alias('topics')
    .description('messages: hear them, publish one, what is retained')

  topic
    .command('tail')
    .argument('<filter>', FILTER)
    .option('-n, --count <number>', 'end after so many', parseLimitOf(MOST_COUNTED))
    .description('print messages as they come, until ^C; a running server is needed')
    .addHelpText('after', examples('mooring topic tail "losant/+/state"', 'mooring topic tail "#" -n 10 -o jsonl'))
    .action((filter: string, options: TailOptions, command: Command) =>
      run(command, (session) => tailTopic(session, filter, options)),
    )

  topic
    .command('publish')
    .argument('<topic>')
    .argument('[message]', 'what to publish (default: what comes from stdin)')
    .option('--file <file>', 'publish what is in a file')
    .addOption(new Option('--qos <level>').choices(['0', '1', '2']).default('0'))
    .option('--retain', 'keep it for those who subscribe later; an empty one takes away what is kept')
    .description('publish a message as the broker itself; a running server is needed')
    .addHelpText(
      'after',
      examples(
        'mooring topic publish plant/bell ring --qos 1',
        'mooring topic publish plant/plan --file plan.pdf --retain',
      ),
    )
    .action((name: string, message: string | undefined, options: PublishOptions, command: Command) =>
      run(command, (session) => publish(session, name, message, options)),
    )

  const retained = topic.command('retained').description('the last message of each topic that is kept for subscribers')

  retained
    .command('list')
    .argument('[filter]', FILTER, '#')
    .option(
      '--limit <number>',
      `how many, at most ${MAX_ITEMS_PER_PAGE}`,
      parseLimitOf(MAX_ITEMS_PER_PAGE),
      DEFAULT_PAGE,
    )
    .option('--after <topic>', 'begin after this one, as the page before says')
    .description('list retained messages')
    .addHelpText('after', examples('mooring topic retained list', 'mooring topic retained list "plant/#" -o csv'))
    .action((filter: string, options: ListOptions, command: Command) =>
      run(command, (session) => listRetained(session, filter, options)),
    )

  retained
    .command('clear')
    .argument('<filter>', FILTER)
    .option('--yes', 'do not ask')
    .description('forget retained messages; whoever has subscribed already is told nothing')
    .addHelpText('after', examples('mooring topic retained clear "plant/old/#"'))
    .action((filter: string, options: { yes?: true }, command: Command) =>
      run(command, (session) => clearRetained(session, filter, options.yes === true)),
    )
}

interface PublishOptions {
  readonly file?: string
  readonly qos: '0' | '1' | '2'
  readonly retain?: true
}

const QOS = { '0': 0, '1': 1, '2': 2 } as const

async function publish(
  session: Session,
  topic: string,
  message: string | undefined,
  { file, qos, retain }: PublishOptions,
): Promise<void> {
  if (message !== undefined && file !== undefined) throw usageError('give a message or a --file, and not both')
  const operator = await session.needServer('Start it with: mooring serve')
  const payload = await payloadOf(session, message, file)
  const isText = isUtf8(payload)
  const reach = await operator.publishMessage({
    topic,
    payload: payload.toString(isText ? 'utf8' : 'base64'),
    encoding: isText ? 'text' : 'base64',
    qos: QOS[qos],
    retain: retain === true,
  })
  session.output.answer(reach, () => {
    const waits = reach.queued === 0 ? '' : `, waits for ${reach.queued} that are away`
    return `published ${payload.length} bytes to ${printable(topic)}: went to ${reach.sent}${waits}`
  })
}

async function payloadOf(session: Session, message: string | undefined, file: string | undefined): Promise<Buffer> {
  if (message !== undefined) return Buffer.from(message)
  if (file === undefined) return await readBytes(session, 'a message as an argument, or --file FILE')
  return await readFile(resolve(session.context.cwd, file)).catch((error: unknown) => {
    throw usageError(`--file ${file} cannot be read: ${systemCode(error) ?? 'it is no file'}`)
  })
}

interface ListOptions {
  readonly limit: number
  readonly after?: string
}

async function listRetained(session: Session, filter: string, { limit, after }: ListOptions): Promise<void> {
  const { output } = session
  const from = after === undefined ? {} : { after }
  const found = await session.withOperator((operator) => operator.listRetained({ filter, limit, ...from }))
  output.answer(found, () => {
    if (found.messages.length === 0) return after === undefined ? 'no retained messages' : 'no more retained messages'
    return output.table(['TOPIC', 'QOS', 'BYTES', 'PAYLOAD'], found.messages.map(rowOf))
  })
  if (found.next !== undefined) output.note(`There may be more: --after ${printable(found.next)}`)
}

const MOST_SHOWN = 60

const rowOf = ({ topic, qos, bytes, payload }: Omit<MessageText, 'at'>): string[] => [
  topic,
  String(qos),
  String(bytes),
  payload.length > MOST_SHOWN ? `${payload.slice(0, MOST_SHOWN)}…` : payload,
]

async function clearRetained(session: Session, filter: string, yes: boolean): Promise<void> {
  const { output } = session
  const cleared = await session.withOperator(async (operator) => {
    const { messages, next } = await operator.listRetained({ filter, limit: MAX_ITEMS_PER_PAGE })
    const count = next === undefined ? `${messages.length}` : `more than ${messages.length}`
    const what = `forget ${count} retained messages of ${JSON.stringify(filter)}?`
    if (messages.length === 0 && next === undefined) return 0
    if (!(await session.confirm(what, yes))) return undefined
    return (await operator.clearRetained({ filter })).cleared
  })
  output.answer({ cleared: cleared ?? 0 }, () =>
    cleared === undefined ? 'nothing was forgotten' : `${cleared} retained messages forgotten`,
  )
}
