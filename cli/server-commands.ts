import type { Command } from 'commander'
import { readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Operator, ServerStatus } from '../admin/index.ts'
import { configurationDocs } from '../config.ts'
import { addConfigOptions } from './config-options.ts'
import { ExitCode } from './failure.ts'
import { examples } from './help.ts'
import { fields } from './output.ts'
import type { Run, Session } from './session.ts'

export function addServerCommands(program: Command, run: Run): void {
  addConfigOptions(program.command('serve').description('serve, in the foreground, until SIGTERM or SIGINT'))
    .addHelpText(
      'after',
      examples(
        'mooring serve',
        'mooring serve --data /var/lib/mooring --listen mqtt=0.0.0.0:1883 --listen http=0.0.0.0:8080',
        'mooring serve --config /etc/mooring/mooring.yaml --log-format json',
      ),
    )
    .action((_options: unknown, command: Command) =>
      run(command, (session) => session.context.serve(session.loadConfig())),
    )

  program
    .command('demo')
    .description('show the whole loop with a server of its own in a temporary folder, and end')
    .action((_options: unknown, command: Command) =>
      run(command, async (session) => {
        // The MQTT client is a tenth of a second to load, and only needed here.
        const { demo } = await import('./demo.ts')
        return await demo(session.context, session.output)
      }),
    )

  program
    .command('self-test')
    .description('check that this program works on this machine, with a server of its own in a temporary folder')
    .action((_options: unknown, command: Command) =>
      run(command, async (session) => {
        const { selfTest } = await import('./self-test.ts')
        return await selfTest(session.context, session.output)
      }),
    )

  program
    .command('status')
    .description('ask the running server how it is')
    .action((_options: unknown, command: Command) => run(command, showStatus))

  program
    .command('health')
    .description('ask the running server whether it can serve; exit code 1 when it cannot, 7 when none runs')
    .addHelpText('after', examples('mooring health --data /data'))
    .action((_options: unknown, command: Command) => run(command, showHealth))

  program
    .command('version')
    .description('show the version')
    .action((_options: unknown, command: Command) => run(command, showVersion))

  program
    .command('manual', { hidden: true })
    .description('print the page of the manual, for man')
    .action((_options: unknown, command: Command) => run(command, writeManual))

  program
    .command('docs', { hidden: true })
    .argument('[page]', 'a page whose table of settings is to be written anew, in place')
    .description('print docs/cli.md, or bring the table of settings of another page up to date')
    .action((page: string | undefined, _options: unknown, command: Command) =>
      run(command, (session) => writeDocs(session, page)),
    )
}

async function writeManual({ context }: Session): Promise<void> {
  const { manualPage } = await import('./manual.ts')
  context.stdout.write(await manualPage(context.version))
}

async function writeDocs({ context }: Session, page: string | undefined): Promise<void> {
  if (page !== undefined) {
    const file = resolve(context.cwd, page)
    return await writeFile(file, configurationDocs(await readFile(file, 'utf8')))
  }
  // docs.ts needs the whole tree, and the tree needs this file.
  const { cliDocs } = await import('./docs.ts')
  context.stdout.write(await cliDocs())
}

async function showStatus(session: Session): Promise<void> {
  const status = await (await runningServer(session, 'status')).status()
  session.output.answer(status, () => describeStatus(status))
}

const runningServer = (session: Session, command: string): Promise<Operator> =>
  session.needServer(`Start it with: mooring serve. With another data folder: mooring ${command} --data DIR`)

async function showHealth(session: Session): Promise<number> {
  const health = await (await runningServer(session, 'health')).health()
  session.output.answer(health, () =>
    fields(health.checks.map(({ name, ok, detail = 'failed' }) => [name, ok ? 'ok' : detail])),
  )
  return health.ready ? ExitCode.ok : ExitCode.failure
}

function describeStatus(status: ServerStatus): string {
  const { version, node, pid, data, uptimeSeconds, startedAt, connectedClients, listeners } = status
  return `mooring ${version} (node ${node}, pid ${pid})\n${fields([
    ['  data', data],
    ['  up', `${readableDuration(uptimeSeconds)} (since ${startedAt})`],
    ['  clients', `${connectedClients} connected`],
    ...Object.entries(listeners).map(([name, address]) => [`  ${name}`, address] as const),
  ])}`
}

function readableDuration(seconds: number): string {
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  const days = Math.floor(hours / 24)
  if (days > 0) return `${days} d ${hours % 24} h`
  if (hours > 0) return `${hours} h ${minutes % 60} min`
  return minutes > 0 ? `${minutes} min ${Math.floor(seconds % 60)} s` : `${Math.floor(seconds)} s`
}

async function showVersion({ context, output }: Session): Promise<void> {
  const { version } = context
  const node = process.versions.node
  output.answer({ version, node }, () => `mooring ${version} (node ${node})`)
}
