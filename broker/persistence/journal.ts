import type { Commit, Writer } from '../../storage/index.ts'
import { rooms } from './layout.ts'
import type { MessageLog, Segment } from './message-log.ts'
import type { StoredSession } from './stored-session.ts'

/** What was said since the last commit was put together. */
interface Group {
  readonly keys: readonly Buffer[]
  /** undefined deletes. */
  readonly values: readonly (Buffer | undefined)[]
  readonly sessions: Iterable<StoredSession>
  readonly sealed: ReturnType<MessageLog['seal']>
}

export interface JournalParts {
  readonly writer: Pick<Writer, 'join' | 'onHealth'>
  readonly messages: MessageLog
  /** A segment did not get to the disk: nobody was promised its messages. */
  readonly onFailed: (segment: Segment) => void
}

const SETTLED = Promise.resolve()

/** How long an acknowledgement may wait for a commit to go with: the message of one that is lost is sent once more. */
const SOON_MS = 20

/**
 * Gathers what the broker's memory has to write, and puts it into the next commit: all messages as one record, and one
 * record for each session whose queue moved.
 *
 * Memory is changed first and the disk follows. After a commit that failed nobody knows whether it is on the disk, so
 * the next one writes all of it again as memory has it now; messages are taken back, since their senders repeat them.
 */
export class Journal {
  readonly #parts: JournalParts
  #keys: Buffer[] = []
  #values: (Buffer | undefined)[] = []
  #moved = new Set<StoredSession>()
  #next: Promise<void> | undefined
  readonly #open = new Set<Promise<void>>()
  /** The last commit that was begun, while it is on its way. */
  #last: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  /** What a failed commit held, by key: what was said last. */
  readonly #again = new Map<string, readonly [key: Buffer, value: Buffer | undefined]>()

  constructor(parts: JournalParts) {
    this.#parts = parts
    parts.writer.onHealth((failure) => {
      if (failure === undefined && (this.#again.size > 0 || this.#moved.size > 0)) this.commit.catch(() => {})
    })
  }

  put(key: Buffer, value: Buffer): void {
    this.#keys.push(key)
    this.#values.push(value)
  }

  del(key: Buffer): void {
    this.#keys.push(key)
    this.#values.push(undefined)
  }

  /** The queue of `session` moved. */
  moved(session: StoredSession): void {
    this.#moved.add(session)
  }

  /** Resolves once all that was said so far is on disk. All who ask before it is put together share one promise. */
  get commit(): Promise<void> {
    this.#next ??= this.#begin()
    return this.#next
  }

  /** Resolves once all that was said before is on disk; says nothing itself. */
  get settled(): Promise<void> {
    return this.#next ?? this.#last ?? SETTLED
  }

  /** What was said goes with the next commit, and makes one of its own when there is none for a while. */
  soon(): void {
    if (this.#next !== undefined || this.#timer !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      // What became of it shows in the health of the writer; it is written again with the next commit.
      this.commit.catch(() => {})
    }, SOON_MS)
  }

  /** Resolves when nothing that was begun is unfinished. */
  async idle(): Promise<void> {
    if (this.#timer !== undefined) this.commit.catch(() => {})
    while (this.#open.size > 0) await Promise.allSettled(this.#open)
  }

  #begin(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    let group: Group | undefined
    const commit = this.#parts.writer
      .join((operations) => {
        this.#next = undefined
        group = this.#take()
        this.#write(group, operations)
      })
      .then(
        () => this.#stored(group),
        (error: unknown) => {
          this.#failed(group)
          throw error
        },
      )
    this.#open.add(commit)
    this.#last = commit
    // Also handles a failure that nobody waits for.
    const finished = (): void => {
      this.#open.delete(commit)
      if (this.#last === commit) this.#last = undefined
    }
    commit.then(finished, finished)
    return commit
  }

  #take(): Group {
    const group = { keys: this.#keys, values: this.#values, sessions: this.#moved, sealed: this.#parts.messages.seal() }
    this.#keys = []
    this.#values = []
    this.#moved = new Set()
    return group
  }

  #write({ keys, values, sessions, sealed }: Group, operations: Commit): void {
    for (const [key, value] of this.#again.values()) write(operations, key, value)
    for (const [n, key] of keys.entries()) write(operations, key, values[n])
    for (const session of sessions) {
      if (!session.gone) operations.put(rooms.progress.ofSession(session.number), session.progress())
    }
    if (sealed !== undefined) operations.put(sealed.segment.key, sealed.bytes)
  }

  #stored(group: Group | undefined): void {
    this.#again.clear()
    if (group?.sealed !== undefined) this.#parts.messages.stored(group.sealed.segment)
  }

  #failed(given: Group | undefined): void {
    // The writer may fail before it asks what is to be written.
    const group = given ?? this.#take()
    if (given === undefined) this.#next = undefined
    for (const [n, key] of group.keys.entries()) this.#again.set(key.toString('latin1'), [key, group.values[n]])
    for (const session of group.sessions) this.#moved.add(session)
    if (group.sealed === undefined) return
    const { segment } = group.sealed
    this.#again.set(segment.key.toString('latin1'), [segment.key, undefined])
    this.#parts.onFailed(segment)
  }
}

function write(operations: Commit, key: Buffer, value: Buffer | undefined): void {
  if (value === undefined) operations.del(key)
  else operations.put(key, value)
}
