import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import type { RegistryDatabase } from '../store.ts'
import { digestOf } from './opaque.ts'
import { ACCOUNT_ROOMS } from './rooms.ts'
import { commit, SmallRoom } from './small-room.ts'

/** One request under one key of its caller's. */
export interface Asked {
  /** Who asks: two callers may choose the same key. */
  readonly caller: string
  /** Chosen by the caller and kept nowhere. */
  readonly key: string
  /** Everything that makes this request what it is. */
  readonly request: string
}

/** Texts of base64. */
export interface Replay {
  readonly at: string
  /** Of the request, so that the key cannot be used for another one. */
  readonly mark: string
  /** The answer, sealed; absent while the work is under way, and for ever when the process died in the midst of it. */
  readonly sealed?: string
}

export type Found =
  /** The same key came with another request. */
  | { readonly kind: 'reused' }
  /** Work had begun when the process died: nobody knows how far it came. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'answered'; readonly answer: unknown }

const LIFETIME_MS = 24 * 60 * 60 * 1000
const MAX_RECORDS = 1000
/** Source: NIST SP 800-38D §8.2.1. */
const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * Answers to requests that came with an idempotency key, for as long as a caller may ask again. Answers can hold secrets
 * that are shown once; so they are sealed with a key derived from the caller's, which is not kept: a copy of the store
 * does not open them.
 */
export class Replays {
  readonly #database: RegistryDatabase
  readonly #now: () => Date
  readonly #room: SmallRoom<Replay>
  readonly #underWay = new Map<string, Promise<unknown>>()

  constructor(database: RegistryDatabase, now: () => Date) {
    this.#database = database
    this.#now = now
    this.#room = new SmallRoom(database, ACCOUNT_ROOMS.replays)
  }

  open(): Promise<void> {
    return this.#room.open()
  }

  /**
   * Does `work` once for a key, however often and at the same time it is asked for. Work that throws may be tried again.
   *
   * @returns what `work` answered, now or then, or why it cannot be told.
   */
  async once(asked: Asked, work: () => Promise<unknown>): Promise<Found> {
    const place = digestOf(JSON.stringify([asked.caller, asked.key]))
    for (;;) {
      const other = this.#underWay.get(place)
      if (other === undefined) break
      await other
    }
    const found = this.#find(place, asked)
    if (found !== undefined) return found
    const answer = this.#begin(place, asked, work)
    const ended = answer.then(
      () => {},
      () => {},
    )
    this.#underWay.set(place, ended)
    try {
      return { kind: 'answered', answer: await answer }
    } finally {
      this.#underWay.delete(place)
    }
  }

  #find(place: string, asked: Asked): Found | undefined {
    const record = this.#room.get(place)
    if (record === undefined || this.#isOver(record)) return undefined
    const keys = keysOf(asked)
    if (!timingSafeEqual(Buffer.from(record.mark), Buffer.from(markOf(keys, asked)))) return { kind: 'reused' }
    if (record.sealed === undefined) return { kind: 'unknown' }
    return { kind: 'answered', answer: JSON.parse(opened(keys, record.sealed)) as unknown }
  }

  async #begin(place: string, asked: Asked, work: () => Promise<unknown>): Promise<unknown> {
    const keys = keysOf(asked)
    const begun: Replay = { at: this.#now().toISOString(), mark: markOf(keys, asked) }
    await commit(this.#database, [...this.#outdated(), this.#room.put(place, begun)])
    let answer: unknown
    try {
      answer = await work()
    } catch (error) {
      await commit(this.#database, [this.#room.delete(place)])
      throw error
    }
    const sealed = sealedOf(keys, JSON.stringify(answer))
    await commit(this.#database, [this.#room.put(place, { ...begun, sealed })])
    return answer
  }

  #isOver({ at }: Replay): boolean {
    return this.#now().getTime() - Date.parse(at) >= LIFETIME_MS
  }

  #outdated() {
    const entries = this.#room.entries().toSorted(([, one], [, other]) => other.at.localeCompare(one.at))
    const over = entries.filter(([, record], index) => index >= MAX_RECORDS - 1 || this.#isOver(record))
    return over.map(([place]) => this.#room.delete(place))
  }
}

interface Keys {
  readonly mark: Buffer
  readonly seal: Buffer
}

const keysOf = ({ caller, key }: Asked): Keys => {
  const derive = (use: string): Buffer => Buffer.from(hkdfSync('sha256', key, caller, `mooring replay ${use}`, 32))
  return { mark: derive('mark'), seal: derive('seal') }
}

const markOf = ({ mark }: Keys, { request }: Asked): string =>
  createHmac('sha256', mark).update(request).digest('base64')

function sealedOf({ seal }: Keys, text: string): string {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', seal, nonce)
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64')
}

function opened({ seal }: Keys, sealed: string): string {
  const bytes = Buffer.from(sealed, 'base64')
  const nonce = bytes.subarray(0, NONCE_BYTES)
  const decipher = createDecipheriv('aes-256-gcm', seal, nonce, { authTagLength: TAG_BYTES })
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
  const body = bytes.subarray(NONCE_BYTES + TAG_BYTES)
  return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8')
}
