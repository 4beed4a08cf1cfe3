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

/** How long what somebody will wait for later may wait for others: each commit costs an fsync. */
const SHORTLY_MS = 5

/**
 * After a commit that many waited for the next one waits for them: most of them send on when they are answered, and one
 * fsync for all is better than two for half of them each. With more than this there are enough of them.
 */
const MANY = 32
const ENOUGH = 256
const GATHER_MS = 1

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
  /** How many have asked for it. */
  #asked = 0
  /** The commit before it, and how many had asked for that. */
  #writing: Promise<unknown> | undefined
  #answering = 0
  /** Ends the wait of {@link #gather}. */
  #gathered: (() => void) | undefined
  /** So many are enough to end it. */
  #expected = 0
  readonly #open = new Set<Promise<void>>()
  /** The last commit that was begun, while it is on its way. */
  #last: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #shortTimer: NodeJS.Timeout | undefined
  /** For whoever wants to know of a commit that has not been begun; `#begun` tells them. */
  #shortly: Promise<void> | undefined
  #begun: ((commit: Promise<void>) => void) | undefined
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
    this.#asked += 1
    if (this.#asked >= this.#expected) this.#gathered?.()
    return this.#next
  }

  /** Resolves once all that was said before is on disk; says nothing itself. */
  get settled(): Promise<void> {
    return this.#next ?? this.#last ?? SETTLED
  }

  /** As {@link commit}, which begins when somebody asks for it, or in a moment. */
  get shortly(): Promise<void> {
    if (this.#next !== undefined) return this.#next
    this.#shortTimer ??= setTimeout(() => this.hurry(), SHORTLY_MS)
    this.#shortly ??= new Promise((resolve) => (this.#begun = resolve))
    return this.#shortly
  }

  /** Somebody waits now for what was asked for {@link shortly}. */
  hurry(): void {
    if (this.#shortly !== undefined) this.commit.catch(() => {})
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
    if (this.#timer !== undefined || this.#shortTimer !== undefined) this.commit.catch(() => {})
    while (this.#open.size > 0) await Promise.allSettled(this.#open)
  }

  #begin(): Promise<void> {
    clearTimeout(this.#timer)
    clearTimeout(this.#shortTimer)
    this.#timer = undefined
    this.#shortTimer = undefined
    let group: Group | undefined
    const join = (): Promise<void> =>
      this.#parts.writer.join((operations) => {
        this.#next = undefined
        this.#writing = commit
        this.#answering = this.#asked
        this.#asked = 0
        group = this.#take()
        this.#write(group, operations)
      })
    const before = this.#answering < MANY ? undefined : this.#writing
    const commit = (before === undefined ? join() : this.#gather(before).then(join)).then(
      () => this.#stored(group),
      (error: unknown) => {
        this.#failed(group)
        throw error
      },
    )
    this.#begun?.(commit)
    this.#begun = undefined
    this.#shortly = undefined
    this.#open.add(commit)
    this.#last = commit
    // Also handles a failure that nobody waits for.
    const finished = (): void => {
      this.#open.delete(commit)
      if (this.#last === commit) this.#last = undefined
      if (this.#writing === commit) this.#writing = undefined
    }
    commit.then(finished, finished)
    return commit
  }

  /** Until those who asked for the commit before have asked again, or a moment has passed. */
  async #gather(before: Promise<unknown>): Promise<void> {
    const answered = this.#answering
    await before.catch(() => {})
    this.#expected = Math.min(this.#asked + answered, ENOUGH)
    if (this.#asked >= this.#expected) return
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#gathered = resolve
      timer = setTimeout(resolve, GATHER_MS)
    })
    clearTimeout(timer)
    this.#gathered = undefined
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
    if (given === undefined) {
      this.#next = undefined
      this.#asked = 0
    }
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
