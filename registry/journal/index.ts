import type { Log } from '../log.ts'
import type { LoginThrottle } from '../login-throttle.ts'
import type { RegistryStore } from '../store.ts'
import { Attempts } from './attempts.ts'
import { BulkActions } from './bulk-actions.ts'
import { explain, type Explanation } from './explain.ts'
import { JournalStore, type JournalDatabase } from './journal-store.ts'
import { Journal, JOURNAL_DEFAULTS, type JournalLimits } from './journal.ts'
import { recover } from './recovery.ts'
import { Repeats } from './repeats.ts'
import { Watch } from './watch.ts'
import { Whereabouts } from './whereabouts.ts'

export * from './attempts.ts'
export type { BulkActions, BulkPage } from './bulk-actions.ts'
export { JournalAudit } from './audit.ts'
export type { JournalCaller } from './caller.ts'
export {
  JOURNAL_KINDS,
  JOURNAL_RESULTS,
  type JournalEntry,
  type JournalFacts,
  type JournalFilter,
  type JournalKind,
  type JournalResult,
} from './entry.ts'
export type { Explanation, LastConnect } from './explain.ts'
export { CHECKS, type Finding } from './findings.ts'
export { JOURNAL_DEFAULTS, type Journal, type JournalLimits, type JournalPage, type JournalVerdict } from './journal.ts'

/** The journal with those who write into it and those who read in it. */
export interface JournalRoom {
  readonly journal: Journal
  readonly bulkActions: BulkActions
  readonly attempts: Attempts
  readonly explain: (subject: string) => Promise<Explanation>
  /** Writes what waits. To be called while the store is open. */
  readonly close: () => Promise<void>
}

export async function openJournal(
  database: JournalDatabase,
  parts: {
    readonly store: RegistryStore
    readonly throttle: LoginThrottle
    readonly limits?: JournalLimits | undefined
    readonly log: Log
    readonly now: () => Date
    readonly elapsedMs: () => number
  },
): Promise<JournalRoom> {
  const { store, throttle, limits = JOURNAL_DEFAULTS, log, now, elapsedMs } = parts
  const entries = new JournalStore(database)
  await entries.open()
  const journal = new Journal({ store: entries, limits, log, now, elapsedMs })
  await recover(journal, store)
  const repeats = new Repeats(journal, now)
  const whereabouts = new Whereabouts()
  const attempts = new Attempts((error) =>
    log.error({ event: 'listener-failed', error }, 'A listener of the registry failed.'),
  )
  new Watch({ journal, repeats, whereabouts, store, log, now }).listenTo(attempts)
  const bulkActions = new BulkActions(journal, now)
  return {
    journal,
    bulkActions,
    attempts,
    explain: (subject) => explain(subject, { journal, store, throttle, whereabouts, now }),
    close: async () => {
      repeats.close()
      await bulkActions.close()
      await journal.close()
    },
  }
}
