import { MemoryLevel } from 'memory-level'
import type { TestContext } from 'node:test'
import { JournalStore } from '../../../registry/journal/journal-store.ts'
import { Journal, JOURNAL_DEFAULTS, type JournalLimits } from '../../../registry/journal/journal.ts'
import type { JournalFacts } from '../../../registry/index.ts'
import type { StoreLevel, Writer } from '../../../storage/index.ts'
import { memoryLog } from '../../support/log.ts'
import { memoryDatabase } from '../../support/registry.ts'

export const START = new Date('2026-03-01T00:00:00.000Z')

/** Time that passes when the test says so. */
export class Clock {
  ms = START.getTime()
  /** Of the clock that nobody can set. */
  elapsed = 0
  readonly now = (): Date => new Date(this.ms)
  readonly elapsedMs = (): number => this.elapsed

  /** Both go on. */
  pass(ms: number): void {
    this.ms += ms
    this.elapsed += ms
  }
}

export interface JournalStage {
  readonly journal: Journal
  readonly level: StoreLevel
  readonly clock: Clock
  readonly log: ReturnType<typeof memoryLog>
}

/** A journal over a store in memory. */
export async function aJournal(
  t: Pick<TestContext, 'after'>,
  parts: { level?: StoreLevel; writer?: Pick<Writer, 'write'>; limits?: Partial<JournalLimits>; aheadMs?: number } = {},
): Promise<JournalStage> {
  const level = parts.level ?? new MemoryLevel()
  await level.open()
  t.after(() => level.close())
  const store = new JournalStore({ level, writer: parts.writer ?? memoryDatabase(level).writer })
  await store.open()
  const clock = new Clock()
  clock.ms += parts.aheadMs ?? 0
  const log = memoryLog()
  const limits = { ...JOURNAL_DEFAULTS, ...parts.limits }
  return { journal: new Journal({ store, limits, log, now: clock.now, elapsedMs: clock.elapsedMs }), level, clock, log }
}

export const aRegistration = (manufacturerId: string, facts: Partial<JournalFacts> = {}): JournalFacts => ({
  kind: 'registration',
  result: 'accepted',
  manufacturerId,
  address: '192.0.2.1',
  ...facts,
})
