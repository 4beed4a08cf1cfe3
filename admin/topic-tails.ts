import { randomBytes } from 'node:crypto'
import { RegistryError, type DeviceMessage } from '../registry/index.ts'
import { messageText, type MessageText } from './message-text.ts'
import type { TopicTails } from './operations/index.ts'

/** Calls `heard` with every message that matches. @returns a function that ends it. */
export type Listen = (filter: string, heard: (message: DeviceMessage) => void) => () => void

export interface OpenTails extends TopicTails {
  /** Ends every one, and answers whoever waits. With an ID: that one. */
  close(id?: string): void
}

const MAX_TAILS = 20
/** Messages that wait to be asked for; what comes then is counted. */
const MAX_WAITING = 1000
const MAX_WAITING_BYTES = 1024 * 1024
/** Shorter than what whoever asks waits for an answer. */
const WAIT_MS = 10_000
/** Gathered for so long after the first: one answer for a burst. */
const GATHER_MS = 50
/** Whoever does not ask again within this time has gone. */
const PATIENCE_MS = 30_000

/** Messages of topics as they come. Nobody is listened to unless somebody asks. */
export function openTails(listen: Listen, waitMs: number = WAIT_MS): OpenTails {
  const tails = new Map<string, Tail>()
  const close = (id: string): void => {
    tails.get(id)?.end()
    tails.delete(id)
  }
  return {
    open(filter) {
      if (tails.size >= MAX_TAILS) throw new RegistryError('ERR_BUSY', 'Too many listen already.')
      const id = randomBytes(16).toString('hex')
      tails.set(id, new Tail(listen, filter, () => close(id)))
      return id
    },
    async read(id) {
      const tail = tails.get(id)
      if (tail === undefined) throw new RegistryError('ERR_NOT_FOUND', 'Nobody listens any more: begin again.')
      return await tail.read(waitMs)
    },
    close(id) {
      if (id !== undefined) return close(id)
      for (const one of tails.keys()) close(one)
    },
  }
}

class Tail {
  readonly #stop: () => void
  readonly #forget: () => void
  #messages: MessageText[] = []
  #bytes = 0
  #skipped = 0
  #ended = false
  #come: (() => void) | undefined
  #patience: NodeJS.Timeout

  constructor(listen: Listen, filter: string, forget: () => void) {
    this.#forget = forget
    this.#stop = listen(filter, (message) => this.#hear(message))
    this.#patience = this.#beginPatience()
  }

  async read(waitMs: number): Promise<{ messages: readonly MessageText[]; skipped: number }> {
    clearTimeout(this.#patience)
    if (this.#isEmpty) await this.#something(waitMs)
    const [messages, skipped] = [this.#messages, this.#skipped]
    this.#messages = []
    this.#bytes = 0
    this.#skipped = 0
    if (!this.#ended) this.#patience = this.#beginPatience()
    return { messages, skipped }
  }

  end(): void {
    this.#ended = true
    this.#stop()
    clearTimeout(this.#patience)
    this.#come?.()
  }

  get #isEmpty(): boolean {
    return this.#messages.length === 0 && this.#skipped === 0 && !this.#ended
  }

  #beginPatience(): NodeJS.Timeout {
    return setTimeout(this.#forget, PATIENCE_MS).unref()
  }

  /** To look at a payload costs a copy. */
  #hear(message: DeviceMessage): void {
    if (this.#messages.length >= MAX_WAITING || this.#bytes >= MAX_WAITING_BYTES) this.#skipped += 1
    else {
      const text = messageText(message, new Date())
      this.#messages.push(text)
      this.#bytes += text.topic.length + text.payload.length
    }
    this.#come?.()
  }

  /** Resolves a moment after the first message, at the end, or when nothing comes. */
  async #something(waitMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, waitMs)
      this.#come = () => {
        this.#come = undefined
        clearTimeout(late)
        if (this.#ended) resolve()
        else setTimeout(resolve, GATHER_MS)
      }
    })
    this.#come = undefined
  }
}
