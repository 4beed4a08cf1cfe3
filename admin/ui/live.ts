import { batch, signal } from '@preact/signals'
import { session } from './session.ts'

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
  readonly type: string
  readonly at: number
  readonly data: Readonly<Record<string, unknown>>
}

export const isLive = signal(false)
export const stats = signal<Stats | undefined>(undefined)
/** Per second, between the last two. */
export const rates = signal<Pick<Stats, 'messagesReceived' | 'messagesSent'>>({ messagesReceived: 0, messagesSent: 0 })
/** Rises when somebody changed something: what is shown may be read anew. */
export const changes = signal(0)
export const latest = signal<readonly LiveEvent[]>([])

const TYPES = ['device-registered', 'registration-refused', 'client-connected', 'client-disconnected', 'changed']
const SHOWN = 50
/** However many events come, the page is drawn this often. */
const DRAW_MS = 250

type Listener = (events: readonly LiveEvent[]) => void
const listeners = new Set<Listener>()
let waiting: LiveEvent[] = []
let source: EventSource | undefined
let drawing: number | undefined

/** Calls `listener` with what has happened, a few times a second. @returns a function that ends it. */
export function onEvents(listener: Listener): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

export function startLive(): void {
  if (source !== undefined) return
  source = new EventSource('/admin/v1/events')
  source.addEventListener('hello', () => {
    isLive.value = true
    changes.value++
  })
  source.addEventListener('stats', (event) => takeStats(JSON.parse(event.data) as Stats))
  for (const type of TYPES) {
    source.addEventListener(type, (event) => {
      waiting.push({ type, at: Date.now(), data: JSON.parse(event.data) as LiveEvent['data'] })
      // A page that is not looked at keeps the newest.
      if (waiting.length > 2000) waiting = waiting.slice(-1000)
      drawing ??= setTimeout(draw, DRAW_MS)
    })
  }
  source.addEventListener('error', () => {
    isLive.value = false
    // The browser tries again by itself, unless it was refused.
    if (source?.readyState === EventSource.CLOSED) {
      stopLive()
      if (session.value.kind === 'in') setTimeout(startLive, 5000)
    }
  })
}

export function stopLive(): void {
  source?.close()
  source = undefined
  isLive.value = false
}

function takeStats(next: Stats): void {
  const before = stats.value
  batch(() => {
    if (before !== undefined) {
      rates.value = {
        messagesReceived: Math.max(0, next.messagesReceived - before.messagesReceived),
        messagesSent: Math.max(0, next.messagesSent - before.messagesSent),
      }
    }
    stats.value = next
  })
}

function draw(): void {
  drawing = undefined
  const events = waiting
  waiting = []
  batch(() => {
    latest.value = [...events.toReversed(), ...latest.value].slice(0, SHOWN)
    if (events.some(({ type }) => type === 'changed')) changes.value++
    for (const listener of listeners) listener(events)
  })
}
