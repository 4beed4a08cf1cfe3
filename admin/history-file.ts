import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Log } from '../registry/index.ts'
import type { Step, Steps } from './history.ts'

/** Its name in the data folder. Whoever loses it loses charts. */
export const HISTORY_FILE = 'history'

const MOST_STEPS = 1000
const MOST_BYTES = 1024 * 1024

const number = z.number().nonnegative()

/** A row is a third as long as an object, and there are 650. */
const rows = z
  .array(z.tuple([z.int().nonnegative(), number, number, number, number, number]))
  .max(MOST_STEPS)
  .transform((from) =>
    from.map(([at, connected, messagesIn, messagesOut, registrations, refused]): Step => {
      return { at, connected, messagesIn, messagesOut, registrations, refused }
    }),
  )

const kept = z.strictObject({ '1h': rows, '24h': rows })

const rowsOf = (of: readonly Step[]): number[][] =>
  of.map((step) => [step.at, step.connected, step.messagesIn, step.messagesOut, step.registrations, step.refused])

const textOf = (steps: Steps): string =>
  `${JSON.stringify({ '1h': rowsOf(steps['1h']), '24h': rowsOf(steps['24h']) })}\n`

export interface HistoryFileParts {
  /** The data folder. */
  readonly folder: string
  /** Writes the whole file or nothing of it. */
  readonly write: (path: string, text: string) => Promise<void>
  readonly log: Log
}

/**
 * What charts show, kept beside the store and not in it: nothing waits for it, nothing is wrong when it is lost, and no
 * backup is larger for it.
 */
export class HistoryFile {
  readonly #path: string
  readonly #write: HistoryFileParts['write']
  readonly #log: Log
  #lastWrite: Promise<void> = Promise.resolve()
  #isFailing = false

  constructor({ folder, write, log }: HistoryFileParts) {
    this.#path = join(folder, HISTORY_FILE)
    this.#write = write
    this.#log = log
  }

  /** @returns undefined when there is none, or nothing that can be read. */
  async read(): Promise<Steps | undefined> {
    try {
      const { size } = await stat(this.#path)
      if (size > MOST_BYTES) throw new RangeError(`${this.#path} has ${size} bytes`)
      return kept.parse(JSON.parse(await readFile(this.#path, 'utf8')))
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
      this.#log.warn({ event: 'history-lost', error }, 'What the charts showed cannot be read; they begin anew.')
      return undefined
    }
  }

  /** One after the other. A failure is told once. */
  write(steps: Steps): Promise<void> {
    const text = textOf(steps)
    this.#lastWrite = this.#lastWrite
      .then(() => this.#write(this.#path, text))
      .then(
        () => {
          this.#isFailing = false
        },
        (error: unknown) => {
          if (!this.#isFailing) {
            this.#log.warn({ event: 'history-unwritten', error }, 'What the charts show cannot be kept on the disk.')
          }
          this.#isFailing = true
        },
      )
    return this.#lastWrite
  }
}
