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

/** One interval. */
export interface Step {
  /** When it ended, in seconds since 1970. */
  readonly at: number
  /** At its end. */
  readonly connected: number
  /** A second. */
  readonly messagesIn: number
  readonly messagesOut: number
  /** In it. */
  readonly registrations: number
  readonly refused: number
}

/** In the order in which they were counted. */
export type Steps = Readonly<Record<Span, readonly Step[]>>

export interface HistoryOptions {
  /** What an earlier process has counted. */
  readonly earlier?: Steps | undefined
  /** Keeps them for the next one. */
  readonly keep?: (steps: Steps) => Promise<void>
  /** In milliseconds since 1970; may be set. */
  readonly now?: () => number
  /** In milliseconds since some time; goes evenly. */
  readonly elapsed?: () => number
}

const SAMPLE_MS = 10_000
/** Times are whole seconds. */
const SHORTEST_MS = 1000
/** A day of every thirtieth. */
const LONG_EVERY = 30
const LENGTHS = { '1h': 360, '24h': 288 } as const
const SECONDS = { '1h': 3600, '24h': 86_400 } as const

interface Sample extends Totals {
  readonly elapsed: number
}

/**
 * What the server did of late, in memory: 650 steps at most. Between those of two processes there is a gap. A clock that is
 * set removes nothing: what is no time of the last hour or day is not shown until it is one.
 */
export class History {
  readonly #read: () => Totals
  readonly #keep: (steps: Steps) => Promise<void>
  readonly #now: () => number
  readonly #elapsed: () => number
  readonly #steps: Readonly<Record<Span, Step[]>>
  readonly #last: Record<Span, Sample>
  readonly #timer: NodeJS.Timeout
  #taken = 0

  constructor(read: () => Totals, options: HistoryOptions = {}) {
    this.#read = read
    this.#keep = options.keep ?? (async () => {})
    this.#now = options.now ?? Date.now
    this.#elapsed = options.elapsed ?? (() => performance.now())
    this.#steps = { '1h': [...(options.earlier?.['1h'] ?? [])], '24h': [...(options.earlier?.['24h'] ?? [])] }
    const first = this.#sample()
    this.#last = { '1h': first, '24h': first }
    this.#timer = setInterval(() => void this.take(), SAMPLE_MS).unref()
  }

  /** What was counted since the last steps becomes shorter ones. A process that ran for a moment leaves none. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    if (this.#taken === 0) return
    const sample = this.#sample()
    for (const span of ['1h', '24h'] as const) {
      if (sample.elapsed - this.#last[span].elapsed >= SHORTEST_MS) this.#add(span, sample)
    }
    await this.#keep(this.#steps)
  }

  async take(): Promise<void> {
    const sample = this.#sample()
    this.#taken += 1
    this.#add('1h', sample)
    if (this.#taken % LONG_EVERY !== 0) return
    this.#add('24h', sample)
    await this.#keep(this.#steps)
  }

  of(span: Span): HistoryColumns {
    const steps = this.#shown(span)
    const column = (name: keyof Step): number[] => steps.map((step) => step[name])
    return {
      times: column('at'),
      connected: column('connected'),
      messagesIn: column('messagesIn'),
      messagesOut: column('messagesOut'),
      registrations: column('registrations'),
      refused: column('refused'),
    }
  }

  /** In the last 24 hours, as far as they were counted. */
  registrationsOfDay(): { readonly accepted: number; readonly refused: number } {
    const steps = this.#shown('24h')
    const now = this.#read()
    const since = (name: 'registrations' | 'refused'): number =>
      steps.reduce((sum, step) => sum + step[name], now[name] - this.#last['24h'][name])
    return { accepted: since('registrations'), refused: since('refused') }
  }

  #sample(): Sample {
    return { ...this.#read(), elapsed: this.#elapsed() }
  }

  #add(span: Span, sample: Sample): void {
    const steps = this.#steps[span]
    steps.push({ ...stepBetween(this.#last[span], sample), at: this.#seconds() })
    if (steps.length > LENGTHS[span]) steps.shift()
    this.#last[span] = sample
  }

  #seconds(): number {
    return Math.round(this.#now() / 1000)
  }

  /** The oldest first. Of a time that a clock which was set back has shown twice, what was counted the second time. */
  #shown(span: Span): Step[] {
    const now = this.#seconds()
    const shown: Step[] = []
    let before = now + 1
    for (const step of this.#steps[span].toReversed()) {
      if (step.at >= before || step.at <= now - SECONDS[span]) continue
      shown.push(step)
      before = step.at
    }
    return shown.toReversed()
  }
}

function stepBetween(before: Sample, sample: Sample): Omit<Step, 'at'> {
  const seconds = (sample.elapsed - before.elapsed) / 1000
  const rate = (name: 'messagesIn' | 'messagesOut'): number =>
    Math.round(((sample[name] - before[name]) / seconds) * 100) / 100
  return {
    connected: sample.connected,
    messagesIn: rate('messagesIn'),
    messagesOut: rate('messagesOut'),
    registrations: sample.registrations - before.registrations,
    refused: sample.refused - before.refused,
  }
}
