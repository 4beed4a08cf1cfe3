import type { Command } from 'commander'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectOperator, operatorOverHttp, type Operator } from '../admin/index.ts'
import { loadConfig, type Config, type LoadedConfig } from '../config.ts'
import { Secret } from '../registry/index.ts'
import { StorageError } from '../storage/index.ts'
import { flagsOf, type ConfigOptions } from './config-options.ts'
import type { CliContext, LocalStore } from './context.ts'
import { CliError, ExitCode, usageError } from './failure.ts'
import { printable, type Output } from './output.ts'
import { secretOfFile } from './secret-input.ts'

/** A server that starts holds the store before it listens on its socket; another command holds it for a moment. */
const LOCKED_PATIENCE_MS = 3_000
const LOCKED_PAUSE_MS = 50

/** One command being carried out. */
export class Session {
  readonly context: CliContext
  readonly output: Output
  readonly #options: ConfigOptions

  constructor(context: CliContext, output: Output, options: ConfigOptions) {
    this.context = context
    this.output = output
    this.#options = options
  }

  /**
   * Whether to go on with what cannot be taken back: `--yes`, or whoever sits at the terminal says so.
   *
   * @throws {CliError} when nobody can be asked.
   */
  async confirm(question: string, yes: boolean): Promise<boolean> {
    if (yes) return true
    const answer = this.mayAsk ? await this.context.ask?.(`${question} [y/N]`) : undefined
    if (answer === undefined) throw usageError(question, 'Nobody can be asked here. Add --yes to do it.')
    return /^y(?:es)?$/i.test(answer.trim())
  }

  /** Whether a person may be asked. */
  get mayAsk(): boolean {
    return this.#options.input !== false
  }

  /** A server elsewhere, when one was named. */
  get server(): string | undefined {
    return this.#options.server
  }

  /**
   * @param configFile - instead of the one of the command line.
   * @throws {ConfigError} with every problem there is.
   */
  loadConfig(configFile: string | undefined = this.#options.config): LoadedConfig {
    const { env, cwd } = this.context
    return loadConfig({ flags: flagsOf(this.#options), configFile, env, cwd })
  }

  /** The configuration for a command that makes the certificate which it names. */
  configBeforeCertificate(): Config {
    const { env, cwd } = this.context
    const flags = flagsOf(this.#options)
    return loadConfig({ flags, configFile: this.#options.config, env, cwd, needsCertificate: false }).config
  }

  /**
   * Asks the server that holds the data folder, or opens the store when none does; the answer is the same.
   *
   * @param work - is told whether it is a running server that it asks.
   */
  async withOperator<T>(
    work: (operator: Operator, facts: { config: Config; running: boolean }) => Promise<T>,
  ): Promise<T> {
    const { config } = this.loadConfig()
    const begun = performance.now()
    const remote = await this.connect(config)
    const store = remote === undefined ? await this.#openLocal(config) : { operator: remote, running: true }
    const { operator, running } = store
    try {
      return await work(operator, { config, running })
    } finally {
      if ('close' in store) await store.close()
      const whom = running
        ? (this.server ?? `the server that holds ${config.data}`)
        : `the store in ${config.data}, opened here`
      this.output.detail(`asked ${printable(whom)}: ${Math.round(performance.now() - begun)} ms`)
    }
  }

  /**
   * The running server, for what no store can answer.
   *
   * @param hint - what to do when none runs.
   */
  async needServer(hint: string): Promise<Operator> {
    const { config } = this.loadConfig()
    const operator = await this.connect(config)
    if (operator !== undefined) return operator
    throw new CliError(ExitCode.unreachable, 'ERR_SERVER_UNREACHABLE', `no server holds ${config.data}`, { hint })
  }

  /** The server that is meant: the one that was named, or the one that holds the data folder; undefined when none does. */
  async connect({ data }: Pick<Config, 'data'>): Promise<Operator | undefined> {
    const { server, apiTokenFile } = this.#options
    if (server === undefined && apiTokenFile === undefined) return await connectOperator(data)
    if (server === undefined || apiTokenFile === undefined)
      throw usageError('--server and --api-token-file belong together')
    if (!URL.canParse(server) || !['http:', 'https:'].includes(new URL(server).protocol)) {
      throw usageError(`--server ${JSON.stringify(server)} is not a URL such as https://broker.example:8443`)
    }
    const token = await secretOfFile(this.context, '--api-token-file', apiTokenFile)
    return operatorOverHttp(new URL(server), new Secret(token))
  }

  async #openLocal(config: Config): Promise<LocalStore & { running: boolean }> {
    const deadline = Date.now() + LOCKED_PATIENCE_MS
    for (;;) {
      try {
        const store = await this.context.openLocal(config)
        return { operator: store.operator, running: false, close: () => store.close() }
      } catch (error) {
        if (!isLocked(error) || Date.now() > deadline) throw error
      }
      await sleep(LOCKED_PAUSE_MS)
      const remote = await connectOperator(config.data)
      if (remote !== undefined) return { operator: remote, running: true, close: async () => {} }
    }
  }
}

const isLocked = (error: unknown): boolean => error instanceof StorageError && error.code === 'ERR_STORE_IN_USE'

/**
 * Carries out what a command line asked for.
 *
 * @param work - answers with the exit code when it is not 0.
 */
export type Run = (command: Command, work: (session: Session) => Promise<number | void>) => Promise<void>
