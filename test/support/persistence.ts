import { Level } from 'level'
import { MemoryLevel } from 'memory-level'
import { rm, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DurablePersistence, type PersistenceOptions } from '../../broker/persistence/index.ts'
import { openDatabase, type Database } from '../../storage/index.ts'
import { memoryLog } from './log.ts'
import { memoryDatabase } from './registry.ts'

type OpenDatabase = Pick<Database, 'level' | 'writer' | 'bootNumber'>

/** Where a persistence can be kept: opened, closed, and opened again as the next start would. */
export interface Place {
  /** The next start over this place. The one before must be closed. */
  open(): Promise<OpenDatabase & { close(): Promise<void> }>
  remove(): Promise<void>
}

/** A folder, as it is in earnest. */
export async function classicPlace(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'mooring-test-'))
  return {
    open: () => openDatabase(folder),
    remove: () => rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }),
  }
}

/** Memory that is handed from one start to the next. */
export async function memoryPlace(): Promise<Place> {
  const level = new MemoryLevel()
  let starts = 0
  return {
    open: async () => {
      await level.open()
      const database = memoryDatabase(level, ++starts)
      return { ...database, close: () => database.writer.flush() }
    },
    remove: () => level.close(),
  }
}

export const places = { 'memory-level': memoryPlace, 'classic-level': classicPlace } as const

/** Anything that can end with a test. */
interface Ending {
  after(end: () => Promise<void>): void
}

/** A persistence whose process ends and starts again when the test says so. */
export class Restartable {
  readonly #place: Place
  readonly #options: PersistenceOptions
  readonly log = memoryLog()
  #database: (OpenDatabase & { close(): Promise<void> }) | undefined
  #persistence: DurablePersistence | undefined
  /** The clock of what is tested. */
  now = 1_700_000_000_000

  private constructor(place: Place, options: PersistenceOptions) {
    this.#place = place
    this.#options = options
  }

  static async open(t: Ending, place: Promise<Place>, options: PersistenceOptions = {}): Promise<Restartable> {
    const restartable = new Restartable(await place, options)
    await restartable.start()
    t.after(async () => {
      await restartable.stop()
      await restartable.#place.remove()
    })
    return restartable
  }

  get persistence(): DurablePersistence {
    if (this.#persistence === undefined) throw new Error('not started')
    return this.#persistence
  }

  get database(): OpenDatabase {
    if (this.#database === undefined) throw new Error('not started')
    return this.#database
  }

  async start(): Promise<void> {
    const database = await this.#place.open()
    this.#database = database
    this.#persistence = new DurablePersistence({
      database,
      options: this.#options,
      log: this.log,
      now: () => this.now,
    })
    await this.#persistence.setup({ id: `${database.bootNumber}` })
  }

  async stop(): Promise<void> {
    await this.#persistence?.destroy()
    await this.#database?.close()
    this.#persistence = undefined
    this.#database = undefined
  }

  async restart(): Promise<DurablePersistence> {
    await this.stop()
    await this.start()
    return this.persistence
  }
}

/** A classic-level beside the store, for what is compared with it. */
export async function aLevel(t: Ending): Promise<Level> {
  const folder = await mkdtemp(join(tmpdir(), 'mooring-test-'))
  const level = new Level(folder)
  await level.open()
  t.after(async () => {
    await level.close()
    await rm(folder, { recursive: true, force: true })
  })
  return level
}
