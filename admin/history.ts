/** How it stands: the first is a number of now, the others have grown since the start. */
export interface Totals {
  readonly connected: number
  readonly messagesIn: number
  readonly messagesOut: number
  readonly registrations: number
  readonly refused: number
}

export type Span = '1h' | '24h'

/** Side by side, the oldest first: what charts are drawn from. */
export interface HistoryColumns {
  /** When each interval ended, in seconds since 1970. */
  readonly times: readonly number[]
  readonly connected: readonly number[]
  /** A second. */
  readonly messagesIn: readonly number[]
  readonly messagesOut: readonly number[]
  /** In the interval. */
  readonly registrations: readonly number[]
  readonly refused: readonly number[]
}

const SAMPLE_MS = 10_000
/** An hour of every sample. */
const SHORT_LENGTH = 360
/** A day of every thirtieth. */
const LONG_EVERY = 30
const LONG_LENGTH = 288

interface Sample extends Totals {
  readonly at: number
}

/** What the server did of late, in memory: 650 samples at most. It begins with the start. */
export class History {
  readonly #read: () => Totals
  readonly #now: () => number
  readonly #spans: Readonly<Record<Span, Sample[]>>
  readonly #timer: NodeJS.Timeout
  #taken = 0

  constructor(read: () => Totals, now: () => number = Date.now) {
    this.#read = read
    this.#now = now
    const first = this.#sample()
    this.#spans = { '1h': [first], '24h': [first] }
    this.#timer = setInterval(() => this.take(), SAMPLE_MS).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  take(): void {
    const sample = this.#sample()
    this.#taken += 1
    keep(this.#spans['1h'], sample, SHORT_LENGTH)
    if (this.#taken % LONG_EVERY === 0) keep(this.#spans['24h'], sample, LONG_LENGTH)
  }

  of(span: Span): HistoryColumns {
    const samples = this.#spans[span]
    const steps = samples.slice(1).map((sample, index) => stepBetween(samples[index]!, sample))
    const column = (name: keyof Sample): number[] => steps.map((step) => step[name])
    return {
      times: column('at'),
      connected: column('connected'),
      messagesIn: column('messagesIn'),
      messagesOut: column('messagesOut'),
      registrations: column('registrations'),
      refused: column('refused'),
    }
  }

  /** In the last 24 hours, or since the start when that was later. */
  registrationsOfDay(): { readonly accepted: number; readonly refused: number } {
    const now = this.#read()
    const [first = now] = this.#spans['24h']
    return { accepted: now.registrations - first.registrations, refused: now.refused - first.refused }
  }

  #sample(): Sample {
    return { ...this.#read(), at: this.#now() }
  }
}

/** One more than is shown: what is shown lies between two. */
function keep(samples: Sample[], sample: Sample, length: number): void {
  samples.push(sample)
  if (samples.length > length + 1) samples.shift()
}

function stepBetween(before: Sample, sample: Sample): Sample {
  const seconds = Math.max((sample.at - before.at) / 1000, 0.001)
  const rate = (name: 'messagesIn' | 'messagesOut'): number =>
    Math.round(((sample[name] - before[name]) / seconds) * 100) / 100
  return {
    at: Math.round(sample.at / 1000),
    connected: sample.connected,
    messagesIn: rate('messagesIn'),
    messagesOut: rate('messagesOut'),
    registrations: sample.registrations - before.registrations,
    refused: sample.refused - before.refused,
  }
}
