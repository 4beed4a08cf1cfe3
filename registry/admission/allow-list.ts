import { ChangeQueue } from '../change-queue.ts'
import { isManufacturerId, type Tag } from '../device.ts'
import { RegistryError } from '../errors.ts'
import { normalised, type Normalisation } from '../manufacturer-id.ts'
import { keepOpen, readNow, type StoreLevel, type WriteOperation } from '../../storage/index.ts'
import { registryRooms as rooms } from '../store-rooms.ts'
import type { StoreWrites } from '../store-writes.ts'

/** A device that is expected. */
export interface AllowListEntry {
  readonly manufacturerId: string
  /** Given to the device when it registers. */
  readonly tags: readonly Tag[]
  readonly note: string
  /** The line of the file it came from. */
  readonly line: number
}

export interface RowProblem {
  readonly line: number
  readonly problem: string
}

/** What an import changes, by manufacturer ID. */
export interface AllowListChange {
  readonly added: number
  readonly removed: number
  readonly unchanged: number
  /** Rows whose tags or note differ. */
  readonly changed: number
  /** The first of each, as examples. */
  readonly examples: { readonly added: readonly string[]; readonly removed: readonly string[] }
}

export interface Current {
  readonly generation: number
  readonly entries: number
  readonly importedAt: string
}

interface Staging {
  readonly id: number
  entries: number
}

const EXAMPLES = 10
const DELETE_AT_ONCE = 1000
const MAX_NOTE_CHARACTERS = 255
const MAX_TAGS = 32
const MAX_TAG_CHARACTERS = 255

/**
 * Manufacturer IDs that are expected. An import is written beside the list that is in force, a chunk at a time, and one
 * record says which of the two counts: a process that dies in between leaves the old list as it was.
 *
 * allow-list: generation (8 digits) `:` normalised manufacturer ID → entry · allow-list-state: `current` → {@link Current}
 */
export class AllowList {
  readonly #level: StoreLevel
  readonly #writes: StoreWrites
  readonly #normalisation: Normalisation
  readonly #entries
  readonly #state
  #current: Current | undefined
  #staging: Staging | undefined
  #nextGeneration = 1
  readonly #changes = new ChangeQueue()

  constructor(level: StoreLevel, writes: StoreWrites, normalisation: Normalisation) {
    this.#level = level
    this.#writes = writes
    this.#normalisation = normalisation
    this.#entries = level.sublevel<string, AllowListEntry>(rooms.allowList, { valueEncoding: 'json' })
    this.#state = level.sublevel<string, Current>(rooms.allowListState, { valueEncoding: 'json' })
  }

  /** Resolves when reads can be answered. What an import left that did not come to its end is taken away. */
  async open(): Promise<void> {
    await keepOpen(this.#level, [this.#entries, this.#state])
    this.#current = readNow(this.#state, 'current')
    const generations = await this.#generations()
    this.#nextGeneration = Math.max(0, this.#current?.generation ?? 0, ...generations) + 1
    for (const generation of generations) {
      if (generation !== this.#current?.generation) await this.#clear(generation)
    }
  }

  get size(): number {
    return this.#current?.entries ?? 0
  }

  /** ISO 8601, UTC; undefined when there never was a list. */
  get importedAt(): string | undefined {
    return this.#current?.importedAt
  }

  find(manufacturerId: string): AllowListEntry | undefined {
    if (this.#current === undefined) return undefined
    return readNow(this.#entries, this.#keyOf(this.#current.generation, manufacturerId))
  }

  /** In the order of the normalised IDs. `after` is the last manufacturer ID of the page before. */
  async list(page: { limit: number; after?: string }): Promise<AllowListEntry[]> {
    if (this.#current === undefined) return []
    const { generation } = this.#current
    const from = page.after === undefined ? { gte: prefixOf(generation) } : { gt: this.#keyOf(generation, page.after) }
    return await this.#entries.values({ ...from, lt: prefixOf(generation + 1), limit: page.limit }).all()
  }

  /** Begins to put a new list beside the one in force; an import that was under way is given up. */
  beginImport(): Promise<number> {
    return this.#changes.run(async () => {
      await this.#giveUp()
      const id = this.#nextGeneration++
      this.#staging = { id, entries: 0 }
      return id
    })
  }

  /**
   * Writes a chunk of rows beside the list. A row that cannot be one is a problem and not written.
   *
   * @throws {RegistryError} `ERR_CONFLICT` when another import has begun meanwhile.
   */
  addRows(
    id: number,
    rows: readonly { line: number; manufacturerId: string; tags: readonly Tag[]; note: string }[],
  ): Promise<RowProblem[]> {
    return this.#changes.run(async () => {
      const staging = this.#stagingOf(id)
      const problems: RowProblem[] = []
      const chunk = new Map<string, AllowListEntry>()
      for (const { line, ...row } of rows) {
        const key = this.#keyOf(id, row.manufacturerId)
        const problem = rowProblem(row)
        const earlier = problem === undefined ? (chunk.get(key) ?? readNow(this.#entries, key)) : undefined
        if (problem !== undefined) problems.push({ line, problem })
        else if (earlier === undefined) chunk.set(key, { ...row, line })
        else problems.push({ line, problem: duplicateProblem(row.manufacturerId, earlier) })
      }
      await this.#writes.write(
        Array.from(chunk, ([key, value]): WriteOperation => ({
          type: 'put',
          sublevel: this.#entries,
          key,
          value,
          valueEncoding: 'json',
        })),
      )
      staging.entries += chunk.size
      return problems
    })
  }

  /** What {@link commitImport} would change now. */
  compareImport(id: number): Promise<AllowListChange> {
    return this.#changes.run(async () => {
      this.#stagingOf(id)
      return await this.#compare(id)
    })
  }

  /** Puts the imported list in the place of the one in force, in one step. */
  commitImport(id: number, now: Date): Promise<AllowListChange> {
    return this.#changes.run(async () => {
      const { entries } = this.#stagingOf(id)
      const change = await this.#compare(id)
      const before = this.#current
      await this.#putCurrent({ generation: id, entries, importedAt: now.toISOString() })
      this.#staging = undefined
      if (before !== undefined) await this.#clear(before.generation)
      return change
    })
  }

  abandonImport(id: number): Promise<void> {
    return this.#changes.run(async () => {
      this.#stagingOf(id)
      await this.#giveUp()
    })
  }

  /** @throws {RegistryError} `ERR_INPUT_INVALID`, `ERR_CONFLICT` when it is listed already. */
  add(row: { manufacturerId: string; tags: readonly Tag[]; note: string }, now: Date): Promise<AllowListEntry> {
    return this.#changes.run(async () => {
      const problem = rowProblem(row)
      if (problem !== undefined) throw new RegistryError('ERR_INPUT_INVALID', `The ID cannot be listed: ${problem}.`)
      if (this.find(row.manufacturerId) !== undefined) {
        throw new RegistryError('ERR_CONFLICT', `${JSON.stringify(row.manufacturerId)} is in the allow-list already.`)
      }
      const current = this.#current ?? { generation: this.#nextGeneration++, entries: 0, importedAt: now.toISOString() }
      const entry: AllowListEntry = { ...row, line: 0 }
      const key = this.#keyOf(current.generation, row.manufacturerId)
      await this.#putCurrent({ ...current, entries: current.entries + 1 }, [
        { type: 'put', sublevel: this.#entries, key, value: entry, valueEncoding: 'json' },
      ])
      return entry
    })
  }

  /** @throws {RegistryError} `ERR_NOT_FOUND`. */
  remove(manufacturerId: string): Promise<AllowListEntry> {
    return this.#changes.run(async () => {
      const entry = this.find(manufacturerId)
      if (entry === undefined || this.#current === undefined) {
        throw new RegistryError('ERR_NOT_FOUND', `${JSON.stringify(manufacturerId)} is not in the allow-list.`)
      }
      const key = this.#keyOf(this.#current.generation, manufacturerId)
      await this.#putCurrent({ ...this.#current, entries: this.#current.entries - 1 }, [
        { type: 'del', sublevel: this.#entries, key },
      ])
      return entry
    })
  }

  /** The fact of which list counts, together with what changes in it. */
  async #putCurrent(current: Current, more: readonly WriteOperation[] = []): Promise<void> {
    await this.#writes.write([
      ...more,
      { type: 'put', sublevel: this.#state, key: 'current', value: current, valueEncoding: 'json' },
    ])
    this.#current = current
  }

  #stagingOf(id: number): Staging {
    if (this.#staging?.id === id) return this.#staging
    throw new RegistryError('ERR_CONFLICT', 'This import has ended, or another one has begun. Begin again.')
  }

  async #giveUp(): Promise<void> {
    const staging = this.#staging
    this.#staging = undefined
    if (staging !== undefined) await this.#clear(staging.id)
  }

  /** Both lists are in the same order, so that neither has to be held in memory. */
  async #compare(id: number): Promise<AllowListChange> {
    const change = { added: 0, removed: 0, unchanged: 0, changed: 0 }
    const examples = { added: [] as string[], removed: [] as string[] }
    const before = this.#walk(this.#current?.generation)
    const after = this.#walk(id)
    let [old, young] = [await before.next(), await after.next()]
    while (!old.done || !young.done) {
      const order = old.done ? 1 : young.done ? -1 : compareKeys(old.value.key, young.value.key)
      if (order < 0 && !old.done) {
        change.removed++
        if (examples.removed.length < EXAMPLES) examples.removed.push(old.value.entry.manufacturerId)
        old = await before.next()
      } else if (order > 0 && !young.done) {
        change.added++
        if (examples.added.length < EXAMPLES) examples.added.push(young.value.entry.manufacturerId)
        young = await after.next()
      } else if (!old.done && !young.done) {
        change[sameEntry(old.value.entry, young.value.entry) ? 'unchanged' : 'changed']++
        old = await before.next()
        young = await after.next()
      }
    }
    return { ...change, examples }
  }

  async *#walk(generation: number | undefined): AsyncGenerator<{ key: string; entry: AllowListEntry }, undefined> {
    if (generation === undefined) return undefined
    const prefix = prefixOf(generation)
    for await (const [key, entry] of this.#entries.iterator({ gte: prefix, lt: prefixOf(generation + 1) })) {
      yield { key: key.slice(prefix.length), entry }
    }
    return undefined
  }

  async #generations(): Promise<number[]> {
    const found: number[] = []
    let from = ''
    for (;;) {
      const [key] = await this.#entries.keys({ gte: from, limit: 1 }).all()
      if (key === undefined) return found
      const generation = Number(key.slice(0, GENERATION_DIGITS))
      found.push(generation)
      from = prefixOf(generation + 1)
    }
  }

  async #clear(generation: number): Promise<void> {
    for (;;) {
      const range = { gte: prefixOf(generation), lt: prefixOf(generation + 1), limit: DELETE_AT_ONCE }
      const keys = await this.#entries.keys(range).all()
      if (keys.length === 0) return
      await this.#writes.write(keys.map((key): WriteOperation => ({ type: 'del', sublevel: this.#entries, key })))
    }
  }

  #keyOf(generation: number, manufacturerId: string): string {
    return `${prefixOf(generation)}${normalised(manufacturerId, this.#normalisation)}`
  }
}

export const GENERATION_DIGITS = 8

const prefixOf = (generation: number): string => `${String(generation).padStart(GENERATION_DIGITS, '0')}:`

/** As LevelDB orders them: by the bytes of UTF-8. */
const compareKeys = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

const sameEntry = (a: AllowListEntry, b: AllowListEntry): boolean =>
  a.manufacturerId === b.manufacturerId && a.note === b.note && JSON.stringify(a.tags) === JSON.stringify(b.tags)

function rowProblem(row: { manufacturerId: string; tags: readonly Tag[]; note: string }): string | undefined {
  if (row.manufacturerId.trim() === '') return 'the manufacturer ID is missing'
  if (row.manufacturerId.trim() !== row.manufacturerId) return 'the manufacturer ID has blanks around it'
  if (!isManufacturerId(row.manufacturerId)) {
    return 'no device can have this manufacturer ID: 1–243 characters, none of them a control character'
  }
  if (row.tags.length > MAX_TAGS) return `it has more than ${MAX_TAGS} tags`
  const bad = row.tags.find(({ key, value }) => !isTagText(key) || !isTagText(value))
  if (bad !== undefined) return `the tag ${JSON.stringify(`${bad.key}=${bad.value}`)} is not of the form key=value`
  if (row.note.length > MAX_NOTE_CHARACTERS) return `the note has more than ${MAX_NOTE_CHARACTERS} characters`
  return undefined
}

const isTagText = (text: string): boolean =>
  text.trim() !== '' && text.length <= MAX_TAG_CHARACTERS && !/[\p{Cc}\p{Cs}]/u.test(text)

function duplicateProblem(manufacturerId: string, earlier: AllowListEntry): string {
  const same = earlier.manufacturerId === manufacturerId
  const what = JSON.stringify(manufacturerId)
  const other = same ? 'appears twice' : `counts as the same ID as ${JSON.stringify(earlier.manufacturerId)}`
  return `${what} ${other} (first at line ${earlier.line})`
}
