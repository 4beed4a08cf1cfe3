import { randomUUID } from 'node:crypto'
import { copyFile, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  buildStore,
  FORMAT,
  IDENTITY_FILE,
  isHeld,
  META_KEYS,
  SalvagedStore,
  STORE_FOLDER,
  StorageError,
  syncFolder,
  systemCode,
  textOf,
  WITNESS_FILE,
  witnessText,
  writeFileDurably,
  type RecordFault,
  type StoreMeta,
} from '../storage/index.ts'
import { examine, inUse, told, type DamageReport, type Examination, type ExaminedFolder } from './examination.ts'
import { StoreAudit, type Counts } from './store-audit.ts'

export interface RepairReport {
  readonly data: string
  /** False when there was nothing to repair, and nothing was changed. */
  readonly repaired: boolean
  readonly damages: readonly DamageReport[]
  readonly faults: readonly RecordFault[]
  /** Records that the store has now, by kind. */
  readonly kept: Counts
  /** Where what was replaced is. */
  readonly aside: readonly string[]
  /** What a repair cannot set right. */
  readonly left: readonly DamageReport[]
}

const SCRATCH = `${STORE_FOLDER}.repairing-`

/**
 * Makes a store of every record that can be read, puts it in the place of the damaged one, and keeps that beside it. The
 * new one is whole and on the disk before anything is moved.
 *
 * @throws {StorageError} when a server has the store, or when nothing in it can be read: it is never begun anew.
 */
export async function repairStore(given: ExaminedFolder): Promise<RepairReport> {
  const found = await examine(given)
  const { folder, inStore, besideStore, secrets, audit } = found
  const report = {
    data: folder,
    damages: [...inStore, ...besideStore].map(told),
    faults: audit.faults,
    left: secrets.map(told),
  }
  const rebuild = inStore.length > 0 || audit.faults.length > 0
  if (!rebuild && besideStore.length === 0) return { ...report, repaired: false, kept: audit.counts, aside: [] }

  const meta = metaAfter(found)
  const aside = new Aside(folder)
  const kept = rebuild ? await replaceStore(found, meta, aside) : audit.counts
  if (found.identity?.storeId !== meta.storeId) {
    await aside.keepCopy(IDENTITY_FILE)
    await writeFileDurably(
      join(folder, IDENTITY_FILE),
      textOf({ format: FORMAT, storeId: meta.storeId, state: 'ready' }),
    )
  }
  await aside.keepCopy(WITNESS_FILE)
  // What the store itself says: what is kept of it has come so far, and no further.
  const { boot, commit } = rebuild ? meta : saidBy(audit)
  await writeFileDurably(join(folder, WITNESS_FILE), witnessText({ boot, commit, pid: 0 }))
  return { ...report, repaired: true, kept, aside: aside.files }
}

const saidBy = (audit: StoreAudit): { boot: number; commit: number } => ({
  boot: Number(audit.meta(META_KEYS.boot) ?? 0),
  commit: Number(audit.meta(META_KEYS.commit) ?? 0),
})

/** Never behind any start or commit that there was: their numbers are in messages, and must not come again. */
function metaAfter({ audit, identity, reached }: Examination): StoreMeta {
  const { boot, commit } = saidBy(audit)
  return {
    storeId: identity?.storeId ?? audit.meta(META_KEYS.storeId) ?? randomUUID(),
    boot: Math.max(boot, reached?.boot ?? 0, audit.lastBoot),
    commit: Math.max(commit, reached?.commit ?? 0),
  }
}

async function replaceStore(found: Examination, meta: StoreMeta, aside: Aside): Promise<Counts> {
  const { folder, store, salvaged, audit } = found
  if (Object.keys(audit.counts).length === 0) {
    throw new StorageError(
      `Nothing in ${store} can be read.`,
      'Restore a backup. To begin anew instead, take another folder (--data DIR).',
    )
  }
  await removeScratch(folder)
  const scratch = join(folder, `${SCRATCH}${randomUUID()}`)
  try {
    await buildStore(
      scratch,
      audit.corrected((bounds) => salvaged.records(bounds)),
      () => meta,
    )
    const counts = await countsOfSound(scratch)
    // Somebody may have started a server since.
    if (await isHeld(store)) throw inUse(store)
    await aside.move(STORE_FOLDER)
    await rename(scratch, store)
    await syncFolder(folder)
    return counts
  } catch (error) {
    await rm(scratch, { recursive: true, force: true })
    throw error
  }
}

/** What a repair that was cut off had begun. */
async function removeScratch(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith(SCRATCH)) await rm(join(folder, name), { recursive: true })
  }
}

async function countsOfSound(store: string): Promise<Counts> {
  const salvaged = await SalvagedStore.open(store)
  const audit = new StoreAudit()
  await audit.seeAll((bounds) => salvaged.records(bounds))
  audit.conclude()
  const [fault] = [...salvaged.damages, ...audit.faults]
  if (fault !== undefined) throw new Error(`the repaired store is not sound: ${JSON.stringify(fault)}`)
  return audit.counts
}

/** Keeps what is replaced, under names with the time of the repair. */
class Aside {
  readonly #folder: string
  readonly #suffix = `damaged-${new Date().toISOString().replaceAll(/[-:.]/g, '')}`
  readonly files: string[] = []

  constructor(folder: string) {
    this.#folder = folder
  }

  async move(name: string): Promise<void> {
    const to = this.#pathFor(name)
    await rename(join(this.#folder, name), to)
    this.files.push(to)
  }

  /** Nothing when it is not there. */
  async keepCopy(name: string): Promise<void> {
    const to = this.#pathFor(name)
    try {
      await copyFile(join(this.#folder, name), to)
      this.files.push(to)
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
    }
  }

  #pathFor = (name: string): string => join(this.#folder, `${name}.${this.#suffix}`)
}
