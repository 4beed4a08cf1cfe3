import { batch, signal } from '@preact/signals'
import { PREFIX } from './api.ts'
import { findSession, session } from './session.ts'

/** Counters of the server, once a second. Source: docs/admin-api.md, «Events». */
export interface Stats {
  readonly connectedClients: number
  readonly messagesReceived: number
  readonly messagesSent: number
  readonly messagesDropped: number
  readonly logins: number
  readonly loginsRefused: number
  readonly registrations: number
  readonly registrationsRefused: number
}

export interface LiveEvent {
  /** Which one it is since the page was opened. */
  readonly number: number
  readonly type: string
  readonly at: number
  /** What is no text in it is nothing to this page. */
  readonly data: Readonly<Partial<Record<string, string>>>
}

export const isLive = signal(false)
export const stats = signal<Stats | undefined>(undefined)
/** Per second, between the last two. */
export const rates = signal<Pick<Stats, 'messagesReceived' | 'messagesSent'> | undefined>(undefined)
/** Rises when somebody changed something: what is shown may be read anew. */
export const changes = signal(0)
/** Rises when the server is back: what happened meanwhile was not told. */
export const comebacks = signal(0)
export const latest = signal<readonly LiveEvent[]>([])

const TYPES = [
  'device-registered',
  'device-returned',
  'registration-refused',
  'client-connected',
  'client-disconnected',
  'changed',
]
const SHOWN = 50
/** A page that is not looked at keeps the newest. */
const MOST_WAITING = 2000
/** However many events come, the page is drawn this often. */
const DRAW_MS = 250
/** However much is changed, what is shown is read anew this often. */
const REREAD_MS = 1500
const COME_BACK_MS = 5000

type Listener = (events: readonly LiveEvent[]) => void
const listeners = new Set<Listener>()
let waiting: LiveEvent[] = []
let counted = 0
let hasBeenLive = false
let source: EventSource | undefined
let drawing: ReturnType<typeof setTimeout> | undefined
let rereading: ReturnType<typeof setTimeout> | undefined
let comingBack: ReturnType<typeof setTimeout> | undefined
let countedAt = 0

/** Calls `listener` with what has happened, a few times a second. @returns a function that ends it. */
export function onEvents(listener: Listener): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

export function startLive(): void {
  if (source !== undefined) return
  source = new EventSource(`${PREFIX}/events`)
  source.addEventListener('hello', () => {
    // Events are not kept: whatever came between is read.
    if (hasBeenLive) {
      changes.value++
      comebacks.value++
    }
    hasBeenLive = true
    isLive.value = true
  })
  source.addEventListener('stats', (event) => takeStats(statsOf(event)))
  for (const type of TYPES) {
    source.addEventListener(type, (event) => take({ number: counted++, type, at: Date.now(), data: dataOf(event) }))
  }
  source.addEventListener('error', () => {
    isLive.value = false
    // The browser tries again by itself, unless it was refused.
    if (source?.readyState !== EventSource.CLOSED) return
    stopLive()
    comingBack = setTimeout(() => void comeBack(), COME_BACK_MS)
  })
}

/** Whoever has to log in first hears events afterwards. */
async function comeBack(): Promise<void> {
  await findSession()
  if (session.value.kind === 'in') startLive()
}

export function stopLive(): void {
  clearTimeout(comingBack)
  source?.close()
  source = undefined
  isLive.value = false
  rates.value = undefined
}

function take(event: LiveEvent): void {
  waiting.push(event)
  if (waiting.length > MOST_WAITING) waiting = waiting.slice(-MOST_WAITING / 2)
  drawing ??= setTimeout(draw, DRAW_MS)
}

function takeStats(next: Stats): void {
  const before = stats.value
  const now = performance.now()
  const seconds = (now - countedAt) / 1000
  countedAt = now
  const rate = (count: 'messagesReceived' | 'messagesSent'): number =>
    before === undefined ? 0 : Math.max(0, Math.round((next[count] - before[count]) / Math.max(0.5, seconds)))
  batch(() => {
    if (before !== undefined) {
      rates.value = { messagesReceived: rate('messagesReceived'), messagesSent: rate('messagesSent') }
    }
    stats.value = next
  })
}

function draw(): void {
  drawing = undefined
  const events = waiting
  waiting = []
  batch(() => {
    latest.value = [...events.slice(-SHOWN).toReversed(), ...latest.value].slice(0, SHOWN)
    // A device that waits for approval is a refusal to whoever counts, and news to who decides.
    if (events.some(({ type, data }) => type === 'changed' || data['result'] === 'pending')) {
      rereading ??= setTimeout(() => {
        rereading = undefined
        changes.value++
      }, REREAD_MS)
    }
    for (const listener of listeners) listener(events)
  })
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const dataOf = (event: MessageEvent<string>): LiveEvent['data'] => JSON.parse(event.data) as LiveEvent['data']

// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const statsOf = (event: MessageEvent<string>): Stats => JSON.parse(event.data) as Stats
