#!/usr/bin/env node
import { availableParallelism } from 'node:os'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { banner, runCli, servingLine, setupLine } from './cli/index.ts'
import { threadPoolSize, type Config, type LoadedConfig } from './config.ts'
import { isSingleExecutable, packagedFile, packagedFileNames, pageFiles } from './executable/index.ts'
import { DEFAULT_POOL_THREADS, type Log } from './registry/index.ts'
import type { Server, ServerParts } from './server.ts'
import { notifyServiceManager } from './service-manager.ts'

/** What Mooring writes is for its owner alone: the store, its secrets, the admin socket. */
process.umask(0o077)

/** A stop that takes longer than this is not a stop any more. */
const LONGEST_STOP_MS = 9_000

// Nothing has used libuv's pool yet in the single executable, as nothing is read to load it: its size can still be told.
if (isSingleExecutable) process.env['UV_THREADPOOL_SIZE'] ??= `${availableParallelism() + DEFAULT_POOL_THREADS}`

const version = versionOf(packagedFile('package.json'))
const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
const quiet: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

void main()

async function main(): Promise<void> {
  // Whoever read has read enough, as `head` does.
  process.stdout.on('error', (error) => {
    if (!('code' in error && error.code === 'EPIPE')) throw error
    process.exit()
  })
  process.exitCode = await runCli(process.argv.slice(2), {
    version,
    stdin: process.stdin,
    askSecret: (question) => askPerson(question, nowhere),
    ask: (question) => askPerson(question, process.stderr),
    stdinIsTTY: process.stdin.isTTY,
    stdout: process.stdout,
    stderr: process.stderr,
    stdoutIsTTY: process.stdout.isTTY,
    stderrIsTTY: process.stderr.isTTY,
    env: process.env,
    cwd: process.cwd(),
    openLocal,
    startServer: async (config, { log }) => await startServer(config, { log }),
    serve,
    onInterrupt,
    carriesPage: isSingleExecutable,
    packagedFiles: { names: packagedFileNames, read: packagedFile },
  })
}

// What a server needs is loaded when one starts: the other commands are many, and short.

async function startServer(config: Config, parts: Pick<ServerParts, 'log' | 'loaded'>): Promise<Server> {
  const server = await import('./server.ts')
  return await server.startServer(config, { ...parts, version, poolThreads: threadPoolSize(), page: pageFiles })
}

async function openLocal(config: Config) {
  const [{ openStore, retainedOf }, { createOperator }, { Backups }] = await Promise.all([
    import('./open-store.ts'),
    import('./admin/index.ts'),
    import('./upkeep/index.ts'),
  ])
  const { database, registry } = await openStore(config, { log: quiet, poolThreads: threadPoolSize() })
  const backups = await Backups.open(database, version)
  return {
    operator: createOperator({ registry, backups, status: noServer, retained: retainedOf(database) }),
    close: async () => {
      await registry.close()
      await database.close()
    },
  }
}

/** @param shown - where what is typed appears. */
async function askPerson(question: string, shown: Writable): Promise<string | undefined> {
  if (!process.stdin.isTTY) return undefined
  const answer = await new Promise<string>((resolve) => {
    const reader = createInterface({ input: process.stdin, output: shown, terminal: true })
    process.stderr.write(`${question}: `)
    reader.once('line', resolve).once('close', () => resolve(''))
    reader.once('line', () => reader.close())
  })
  if (shown === nowhere) process.stderr.write('\n')
  return answer
}

function noServer(): never {
  throw new Error('no server runs, so there is no status')
}

/** Serves until the process is told to stop. The exit code says how that went. */
async function serve(loaded: LoadedConfig): Promise<number> {
  const { config } = loaded
  const { createLog } = await import('./log.ts')
  const log = createLog(config.log)
  process.on('uncaughtException', (error) => {
    log.error({ event: 'bug', error }, 'A fault that nothing handles; the process ends so that it can start clean.')
    process.exit(1)
  })
  for (const warning of loaded.warnings) log.warn({ event: 'config-warning' }, warning)

  const stopped = new Promise<void>((resolve) => {
    onInterrupt(() => {
      resolve()
      onInterrupt(() => process.exit(1))
    })
  })
  const server = await startServer(config, { log, loaded })
  const facts = {
    version,
    node: process.versions.node,
    loaded,
    addresses: server.addresses,
    dataFolderCreated: server.dataFolderCreated,
    setup: server.setup,
    startMs: performance.now(),
  }
  if (log.forPeople) process.stdout.write(banner(facts))
  else {
    if (server.setup !== undefined) log.warn(...setupLine(server.setup))
    log.info(...servingLine(facts))
  }

  process.on('SIGHUP', () => void server.reload())
  const notify = (state: 'READY=1' | 'STOPPING=1'): void =>
    notifyServiceManager(state, process.env, (reason) =>
      log.warn({ event: 'notify-failed', reason: reason.message }, 'The service manager could not be told.'),
    )
  notify('READY=1')

  await stopped
  notify('STOPPING=1')
  log.info({ event: 'stopping' }, 'Stopping: no new connections, what has begun finishes. A second signal forces.')
  const late = setTimeout(() => {
    log.error({ event: 'stop-forced' }, `The stop took longer than ${LONGEST_STOP_MS} ms and was forced.`)
    process.exit(1)
  }, LONGEST_STOP_MS)
  await server.close()
  clearTimeout(late)
  log.info({ event: 'stopped' }, 'Stopped.')
  return 0
}

function onInterrupt(listener: () => void): () => void {
  process.on('SIGINT', listener)
  process.on('SIGTERM', listener)
  return () => {
    process.off('SIGINT', listener)
    process.off('SIGTERM', listener)
  }
}

function versionOf(packageJson: string): string {
  const facts: Record<string, unknown> = Object(JSON.parse(packageJson))
  return String(facts['version'])
}
