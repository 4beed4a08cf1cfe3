import type { Operator } from '../admin/index.ts'
import type { Config, LoadedConfig } from '../config.ts'
import type { Log } from '../registry/index.ts'
import type { Addresses } from './addresses.ts'

/** A server in this process, as far as the commands need it. */
export interface RunningServer {
  readonly addresses: Addresses
  readonly operator: Operator
  close(): Promise<void>
}

/** The store, opened by this process because no server has it. */
export interface LocalStore {
  readonly operator: Operator
  close(): Promise<void>
}

/** Everything the commands take from the process around them, so that a test can be that process. */
export interface CliContext {
  readonly version: string
  readonly stdin: AsyncIterable<string | Uint8Array>
  readonly stdout: { write(text: string): unknown }
  readonly stderr: { write(text: string): unknown }
  /** Asks a person who sits at a terminal; undefined when nobody does. */
  askSecret?(question: string): Promise<string | undefined>
  /** The same for what may be seen. */
  ask?(question: string): Promise<string | undefined>
  readonly stdinIsTTY: boolean
  readonly stdoutIsTTY: boolean
  readonly stderrIsTTY: boolean
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string

  /** Opens the store of `config.data` and makes it when it is new, as `serve` would. */
  openLocal(config: Config): Promise<LocalStore>
  startServer(config: Config, parts: { log: Log }): Promise<RunningServer>
  /** Serves until the process is told to stop. @returns the exit code. */
  serve(loaded: LoadedConfig): Promise<number>
  /** Calls `listener` at SIGINT and SIGTERM instead of ending the process, until the returned function is called. */
  onInterrupt(listener: () => void): () => void
  /** Whether the operator's page must be there; from source it may not have been built. */
  readonly carriesPage: boolean
  /** What the program carries with it besides its code. */
  readonly packagedFiles: { names(): readonly string[]; read(name: string): string }
}
