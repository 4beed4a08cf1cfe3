import { Readable } from 'node:stream'
import { createOperator, listenAdmin, type Operator } from '../../admin/index.ts'
import { runCli, type CliContext } from '../../cli/index.ts'
import type { TestContext } from 'node:test'
import { Backups } from '../../upkeep/index.ts'
import { openStore, retainedOf } from '../../open-store.ts'
import { aFolder } from '../support/folder.ts'
import { memoryLog } from '../support/log.ts'

export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface CliParts extends Partial<Omit<CliContext, 'stdin' | 'stdout' | 'stderr'>> {
  readonly stdin?: string | Buffer
  /** Hears what is written to stderr. */
  readonly told?: (text: string) => void
}

/** Runs command lines as a process would, with what they wrote. */
export async function run(argv: readonly string[], parts: CliParts & { cwd: string }): Promise<Outcome> {
  let stdout = ''
  let stderr = ''
  const { stdin = '', told, ...others } = parts
  const code = await runCli(argv, {
    version: '1.2.3',
    stdin: Readable.from([stdin]),
    stdout: { write: (text) => void (stdout += text) },
    stderr: {
      write: (text) => {
        stderr += text
        told?.(text)
      },
    },
    stdinIsTTY: false,
    stdoutIsTTY: false,
    stderrIsTTY: false,
    env: {},
    openLocal: unexpected('openLocal'),
    startServer: unexpected('startServer'),
    serve: unexpected('serve'),
    onInterrupt: () => () => {},
    carriesPage: false,
    packagedFiles: { names: () => ['LICENSE'], read: (name) => `text of ${name}` },
    ...others,
  })
  return { code, stdout, stderr }
}

const unexpected = (name: string) => async (): Promise<never> => {
  throw new Error(`${name} was called`)
}

/** `openLocal` over an operator of the test. */
export const holding = (operator: Operator) => async () => ({ operator, close: async () => {} })

/** A folder with a server in it, as far as commands can tell. */
export async function aListeningFolder(t: TestContext, operator: Operator): Promise<string> {
  const folder = await aFolder(t)
  const server = await listenAdmin({ folder, operator, log: memoryLog() })
  t.after(() => server.close())
  return folder
}

/** `openLocal` as the program has it: the real store of the data folder. */
export const openRealStore: CliContext['openLocal'] = async (config) => {
  const { database, registry } = await openStore(config, { log: memoryLog(), poolThreads: 4 })
  const backups = await Backups.open(database, '1.2.3')
  return {
    operator: createOperator({ registry, backups, status: noStatus, retained: retainedOf(database) }),
    close: async () => {
      await registry.close()
      await database.close()
    },
  }
}

function noStatus(): never {
  throw new Error('no server runs')
}
