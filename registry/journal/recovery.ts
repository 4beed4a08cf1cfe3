import type { RegistryStore } from '../store.ts'
import type { Journal } from './journal.ts'

/** From the beginning of a registration to its entry: the wait for a hash, a commit, and the next write of the journal. */
const LONGEST_LAG_MS = 30_000

const PAGE = 1_000

/**
 * A process that is killed takes with it what it had recorded in its last 200 ms. What devices were registered then is in
 * the store, so every device has its entry all the same; who was refused then is not known any more.
 */
export async function recover(journal: Journal, store: Pick<RegistryStore, 'selectDevices'>): Promise<void> {
  const last = (await journal.list({ limit: 1, filter: {} })).entries[0]
  if (last === undefined || journal.wasClosed) return
  const since = new Date(Date.parse(last.at) - LONGEST_LAG_MS)
  const recorded = await recordedSince(journal, since.toISOString())
  // Device IDs begin with the time of the registration.
  let after: string | undefined = Math.floor(since.getTime() / 1000).toString(16)
  while (after !== undefined) {
    const page: Awaited<ReturnType<typeof store.selectDevices>> = await store.selectDevices({
      filter: {},
      limit: PAGE,
      after,
    })
    for (const { id, manufacturerId, registeredAt } of page.devices) {
      if (recorded.has(id) || recorded.has(manufacturerId)) continue
      const facts = { deviceId: id, manufacturerId, since: registeredAt, reason: 'found after the server was killed' }
      journal.record({ kind: 'registration', result: 'accepted', ...facts })
    }
    after = page.next
  }
  await journal.flush()
}

async function recordedSince(journal: Journal, since: string): Promise<Set<string>> {
  const recorded = new Set<string>()
  const filter = { since }
  for (let before: number | undefined, begun = false; !begun || before !== undefined; begun = true) {
    const { entries, next } = await journal.list({ limit: PAGE, before, filter })
    for (const { kind, result, deviceId, target } of entries) {
      if (kind === 'registration' && result === 'accepted' && deviceId !== undefined) recorded.add(deviceId)
      // An operator names a device that he makes by its manufacturer ID.
      if (kind === 'operation' && result === 'done' && target !== undefined) recorded.add(target)
    }
    before = next
  }
  return recorded
}
