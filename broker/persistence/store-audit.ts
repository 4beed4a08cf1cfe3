import type { Findings } from '../../storage/index.ts'
import { readSequence, restIn, rooms, SESSION_DIGITS, sessionIn } from './layout.ts'
import { decode, sequenceAt, sizeAt, targetsAt } from './message-codec.ts'
import { readProgress, Stage, writeProgress, type Progress } from './progress.ts'

/** Of a room whose records belong to sessions. */
interface Owned {
  readonly room: string
  readonly key: Buffer
  readonly session: number
}

/**
 * Looks at the broker's records: can each be read, does each belong to a session that is there, and is every message
 * there that a session has under way? Progress must be shown before the messages. Memory holds the sessions, the
 * keys of what belongs to them, and what they have under way; no message.
 */
export class PersistenceAudit {
  readonly #findings: Findings
  readonly #sessions = new Map<number, string>()
  readonly #owned: Owned[] = []
  readonly #progress = new Map<number, { readonly key: Buffer; readonly progress: Progress }>()
  /** Sequences of messages that sessions have under way and that were not seen yet. */
  readonly #missing = new Map<number, Set<number>>()
  /** The greatest start that a message belongs to. */
  lastBoot = 0

  constructor(findings: Findings) {
    this.#findings = findings
  }

  /** @returns whether the record is in a room of the broker. */
  see(room: string, key: Buffer, value: Buffer): boolean {
    const look = this.#looks.get(room)
    if (look === undefined) return false
    try {
      look(key, value)
    } catch (error) {
      // A value that is no JSON, or whose lengths lead out of it.
      if (!(error instanceof SyntaxError || error instanceof RangeError || error instanceof Unlike)) throw error
      this.#findings.drop(room, key, `cannot be read: ${error.message}`)
    }
    return true
  }

  readonly #looks = new Map<string, (key: Buffer, value: Buffer) => void>([
    [rooms.sessions.name, (key, value) => this.#seeSession(key, value)],
    [rooms.subscriptions.name, (key, value) => this.#seeSubscription(key, value)],
    [rooms.progress.name, (key, value) => this.#seeProgress(key, value)],
    [rooms.messages.name, (key, value) => this.#seeMessages(key, value)],
    [rooms.inbound.name, (key) => this.#own(rooms.inbound.name, key)],
    [rooms.retained.name, (key, value) => this.#seeRetained(key, value)],
    [rooms.wills.name, (_key, value) => expect(hasTexts(value, 'topic', 'payload', 'clientId'), 'it is no will')],
    [rooms.contractWills.name, (_key, value) => expect(hasTexts(value, 'topic', 'payload'), 'it is no will')],
  ])

  #seeSession(key: Buffer, value: Buffer): void {
    const { number } = objectIn(value)
    expect(typeof number === 'number' && Number.isSafeInteger(number) && number > 0, 'it has no number')
    const clientId = key.toString()
    const other = this.#sessions.get(Number(number))
    expect(other === undefined, `its number ${String(number)} is that of the session ${other}`)
    this.#sessions.set(Number(number), clientId)
  }

  #seeSubscription(key: Buffer, value: Buffer): void {
    const { topic, qos } = objectIn(value)
    expect(topic === restIn(key.toString()) && [0, 1, 2].includes(Number(qos)), 'it is no subscription')
    this.#own(rooms.subscriptions.name, key)
  }

  #seeProgress(key: Buffer, value: Buffer): void {
    const session = this.#own(rooms.progress.name, key)
    const progress = readProgress(value)
    this.#progress.set(session, { key, progress })
    const underway = progress.exceptions.filter(({ stage }) => stage !== Stage.RELEASED)
    if (underway.length > 0) this.#missing.set(session, new Set(underway.map(({ sequence }) => sequence)))
  }

  #seeMessages(key: Buffer, segment: Buffer): void {
    const found: (readonly [session: number, sequence: number])[] = []
    let previous = 0
    for (let at = 0; at < segment.length; at += sizeAt(segment, at)) {
      expect(sizeAt(segment, at) > 0 && at + sizeAt(segment, at) <= segment.length, 'a message in it is cut off')
      const sequence = sequenceAt(segment, at)
      expect(sequence > previous, 'its messages are not in order')
      previous = sequence
      decode(segment, at)
      for (const { session } of targetsAt(segment, at)) found.push([session, sequence])
    }
    expect(segment.length > 0 && sequenceAt(segment, 0) === readSequence(key, 0), 'it begins with another message')
    this.lastBoot = Math.max(this.lastBoot, Math.floor(previous / 2 ** 32))
    for (const [session, sequence] of found) this.#missing.get(session)?.delete(sequence)
  }

  #seeRetained(key: Buffer, value: Buffer): void {
    expect(sizeAt(value, 0) === value.length && decode(value, 0).topic === key.toString(), 'it is another message')
  }

  #own(room: string, key: Buffer): number {
    const session = sessionIn(key.toString())
    expect(key.length >= SESSION_DIGITS && Number.isSafeInteger(session), 'its key names no session')
    this.#owned.push({ room, key, session })
    return session
  }

  /** Once every record was seen. */
  conclude(): void {
    for (const { room, key, session } of this.#owned) {
      if (this.#sessions.has(session)) continue
      this.#missing.delete(session)
      this.#findings.drop(room, key, `belongs to session ${session}, which is not there`)
    }
    for (const [session, sequences] of this.#missing) {
      if (sequences.size > 0) this.#forgetMissing(session, sequences)
    }
  }

  #forgetMissing(session: number, sequences: ReadonlySet<number>): void {
    const found = this.#progress.get(session)
    if (found === undefined) return
    const exceptions = found.progress.exceptions.filter(({ sequence }) => !sequences.has(sequence))
    this.#findings.put(
      rooms.progress.name,
      found.key,
      writeProgress({ ...found.progress, exceptions }),
      `${sequences.size} messages are missing that were under way to ${this.#sessions.get(session)}`,
    )
  }
}

/** The record is not what belongs there. */
class Unlike extends Error {}

function expect(condition: boolean, problem: string): void {
  if (!condition) throw new Unlike(problem)
}

const objectIn = (value: Buffer): Record<string, unknown> => Object(JSON.parse(value.toString()))

function hasTexts(value: Buffer, ...names: readonly string[]): boolean {
  const record = objectIn(value)
  return names.every((name) => typeof record[name] === 'string')
}
