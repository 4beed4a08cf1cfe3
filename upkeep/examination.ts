import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  FORMAT,
  GENERATED_FILES,
  IDENTITY_FILE,
  isHeld,
  keyText,
  META_KEYS,
  parseIdentity,
  parseWitness,
  SalvagedStore,
  STORE_FOLDER,
  StorageError,
  systemCode,
  WITNESS_FILE,
  type Damage,
  type Identity,
  type Reached,
  type RecordFault,
} from '../storage/index.ts'
import { placeOf, StoreAudit, type Counts } from './store-audit.ts'

/** A data folder that nobody has open, looked at without changing anything. */
export interface Examination {
  readonly folder: string
  readonly store: string
  readonly salvaged: SalvagedStore
  readonly audit: StoreAudit
  /** Undefined when it cannot be read. */
  readonly identity: Identity | undefined
  /** Undefined when it is missing or cannot be read, or when the operator accepts the store as it is. */
  readonly reached: Reached | undefined
  /** Of files that a repair makes anew when the store is sound. */
  readonly besideStore: readonly Damage[]
  /** Within the store, its files and what it says about itself. */
  readonly inStore: readonly Damage[]
  /** That only the operator can set right. */
  readonly secrets: readonly Damage[]
}

export interface ExaminedFolder {
  readonly folder: string
  /** The generated files that the configuration makes superfluous. */
  readonly configured: ReadonlySet<string>
}

/**
 * @throws {StorageError} when a server has the store, when there is none, or when a newer version wrote it.
 */
export async function examine({ folder, configured }: ExaminedFolder): Promise<Examination> {
  const store = join(folder, STORE_FOLDER)
  await refuseWithoutStore(folder)
  if (await isHeld(store)) throw inUse(store)

  const identity = await readIdentity(folder)
  const witness = await readWitness(folder)
  const salvaged = await SalvagedStore.open(store)
  const audit = new StoreAudit()
  await audit.seeAll((bounds) => salvaged.records(bounds))
  audit.conclude()
  refuseNewer(store, Number(audit.meta(META_KEYS.format) ?? 0))

  const known = 'problem' in identity ? undefined : identity
  const reached = witness === undefined || 'problem' in witness ? undefined : witness
  return {
    folder,
    store,
    salvaged,
    audit,
    identity: known,
    reached,
    besideStore: [
      ...('problem' in identity ? [identity] : []),
      ...(witness !== undefined && 'problem' in witness ? [witness] : []),
      ...lostNewest(store, audit, reached),
    ],
    inStore: [...salvaged.damages, ...metaDamages(folder, audit, known)],
    secrets: await missingSecrets(folder, configured),
  }
}

async function refuseWithoutStore(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return new Array<string>()
    throw error
  })
  if (names.includes(STORE_FOLDER)) return
  const aside = names.toSorted().findLast((name) => name.startsWith(`${STORE_FOLDER}.damaged-`))
  const store = join(folder, STORE_FOLDER)
  if (aside !== undefined) {
    throw new StorageError(
      `${store} is missing; an earlier repair that was cut off left ${join(folder, aside)}.`,
      `Put it back and repair again: mv ${join(folder, aside)} ${store}`,
    )
  }
  throw new StorageError(
    `There is no store in ${folder}.`,
    'Give the data folder with --data DIR or MOORING_DATA; when it is the right one, restore a backup.',
  )
}

export const inUse = (store: string): StorageError =>
  new StorageError(
    `The store ${store} is in use.`,
    'Stop the server that has it first; what it writes at this moment would look like damage.',
    { code: 'ERR_STORE_IN_USE' },
  )

async function readIdentity(folder: string): Promise<Identity | Damage> {
  const file = join(folder, IDENTITY_FILE)
  const text = await textOf(file)
  if (text === undefined) return { file, problem: 'is missing' }
  const identity = parseIdentity(text)
  if (identity === undefined) return { file, problem: 'does not hold format, storeId and state' }
  refuseNewer(file, identity.format)
  if (identity.state === 'creating') {
    throw new StorageError(`The first start in ${folder} has not come through.`, 'Start the server; it begins anew.')
  }
  return identity
}

async function readWitness(folder: string): Promise<Reached | Damage | undefined> {
  const file = join(folder, WITNESS_FILE)
  const text = await textOf(file)
  if (text === undefined) return { file, problem: 'is missing: nobody can tell whether the store is the newest' }
  const reached = parseWitness(text)
  return reached === 'unreadable' ? { file, problem: 'is damaged' } : reached
}

async function textOf(file: string): Promise<string | undefined> {
  return await readFile(file, 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  })
}

function refuseNewer(file: string, format: number): void {
  if (format <= FORMAT) return
  throw new StorageError(
    `${file} says format ${format}; this version of Mooring knows formats up to ${FORMAT}.`,
    'Use the newer version of Mooring that wrote it.',
  )
}

function lostNewest(store: string, audit: StoreAudit, reached: Reached | undefined): Damage[] {
  const boot = Number(audit.meta(META_KEYS.boot) ?? 0)
  const commit = Number(audit.meta(META_KEYS.commit) ?? 0)
  if (reached === undefined || (boot >= reached.boot && commit >= reached.commit)) return []
  const problem =
    `has lost its newest records: it ends at commit ${commit} of start ${boot}, ` +
    `and ${WITNESS_FILE} saw commit ${reached.commit} of start ${reached.boot}`
  return [{ file: store, problem }]
}

function metaDamages(folder: string, audit: StoreAudit, identity: Identity | undefined): Damage[] {
  const file = join(folder, STORE_FOLDER)
  const { format, storeId, boot, commit } = META_KEYS
  const missing = [format, storeId, boot, commit].filter((key) => audit.meta(key) === undefined)
  if (missing.length > 0) return [{ file, problem: `does not say its ${missing.join(', ')} any more` }]
  if (identity === undefined || identity.storeId === audit.meta(storeId)) return []
  return [{ file, problem: `and ${IDENTITY_FILE} do not belong together` }]
}

async function missingSecrets(folder: string, configured: ReadonlySet<string>): Promise<Damage[]> {
  const damages: Damage[] = []
  for (const name of GENERATED_FILES) {
    if (configured.has(name)) continue
    const file = join(folder, name)
    const text = await textOf(file)
    if (text === undefined) damages.push({ file, problem: 'is missing, and its setting is not set' })
    else if (text.trim() === '') damages.push({ file, problem: 'is empty' })
  }
  return damages
}

// ---- what is told

/** A damage as it is told: keys are for a person to read. */
export interface DamageReport {
  readonly file: string
  readonly problem: string
  /** Records between these two may be lost, or older than they were. */
  readonly lost?: { readonly from: string; readonly to: string }
}

export interface StoreReport {
  readonly data: string
  readonly sound: boolean
  readonly damages: readonly DamageReport[]
  readonly faults: readonly RecordFault[]
  /** Records that can be read, by kind. */
  readonly records: Counts
}

export async function verifyStore(given: ExaminedFolder): Promise<StoreReport> {
  return reportOf(await examine(given))
}

export function reportOf({ folder, audit, ...found }: Examination): StoreReport {
  const damages = [...found.inStore, ...found.besideStore, ...found.secrets].map(told)
  const sound = damages.length === 0 && audit.faults.length === 0
  return { data: folder, sound, damages, faults: audit.faults, records: audit.counts }
}

export const told = ({ file, problem, lost }: Damage): DamageReport => ({
  file,
  problem,
  ...(lost === undefined ? {} : { lost: { from: nameOf(lost.from), to: nameOf(lost.to) } }),
})

function nameOf(key: Buffer): string {
  const { room, rest } = placeOf(key)
  return `${room} ${keyText(rest)}`.trim()
}
