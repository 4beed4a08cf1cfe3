import { mintAccessKey, mintAccessSecret, type DeviceCredentials, type DeviceKey } from '../access-key.ts'
import type { ChangeQueue } from '../change-queue.ts'
import type { Credentials } from '../credentials.ts'
import { isDeviceId, isManufacturerId, mintedAt, newDevice, type Device, type Tag } from '../device.ts'
import { invalid, RegistryError } from '../errors.ts'
import type { Recipe } from '../recipe.ts'
import { Secret } from '../secret.ts'
import { MIN_CHOSEN_SECRET_CHARACTERS } from '../service-keys.ts'
import type { RegistryStore } from '../store.ts'
import { checkTagChanges, isTagText, retagged } from './tags.ts'

/** A device as a file tells of it. What is absent is made. */
export interface DeviceRow {
  readonly line: number
  readonly manufacturerId: string
  readonly name?: string
  readonly tags: readonly Tag[]
  readonly deviceId?: string
  readonly accessKey?: string
  /** It came from outside, so its hash costs what a password's does. */
  readonly accessSecret?: string
}

export interface ImportedDevices {
  readonly imported: number
  /** Secrets that were made, shown here and never again. */
  readonly credentials: readonly DeviceCredentials[]
}

export interface DeviceImportsParts {
  readonly store: RegistryStore
  readonly credentials: Pick<Credentials, 'hashGenerated' | 'hashChosen'>
  readonly changes: ChangeQueue
  readonly recipeOf: (asked: { readonly recipe?: string | undefined }) => Recipe | undefined
  readonly registered: (device: Device) => void
  readonly now: () => Date
}

interface Staged {
  readonly device: Device
  readonly key: DeviceKey
  readonly line: number
  readonly minted: Secret | undefined
}

interface Staging {
  readonly id: number
  readonly recipe: Recipe
  readonly isDry: boolean
  readonly byManufacturerId: Map<string, Staged>
  readonly deviceIds: Map<string, number>
  readonly accessKeys: Map<string, number>
}

/** All of them are in memory at last, and in one write: 1,000 are 2 MB of the disk. */
export const MAX_IMPORTED_DEVICES = 20_000

/** So many secrets are hashed side by side, whatever is waiting: devices that log in meanwhile have a place too. */
const HASHED_TOGETHER = 2

/** An import that nobody goes on with is forgotten. */
const PATIENCE_MS = 10 * 60_000

/** What a key has until its secret is hashed. */
const UNHASHED = ''

const MAX_NAME_CHARACTERS = 255
const MAX_SECRET_CHARACTERS = 256

/** What an MQTT user name can be, and every client can send. */
const ACCESS_KEY = /^[!-~]{1,64}$/

/** Devices out of a file: gathered a chunk at a time, and written all together or not at all. */
export class DeviceImports {
  readonly #parts: DeviceImportsParts
  #staging: Staging | undefined
  #lastId = 0
  #forget: NodeJS.Timeout | undefined

  constructor(parts: DeviceImportsParts) {
    this.#parts = parts
  }

  /**
   * Another import that was under way ends.
   *
   * @param isDry - rows are looked at, nothing is hashed, and it cannot be committed.
   * @throws {RegistryError} `ERR_INPUT_INVALID`.
   */
  begin({ recipe: name, isDry }: { readonly recipe?: string | undefined; readonly isDry: boolean }): number {
    const recipe = this.#parts.recipeOf({ recipe: name })
    if (recipe === undefined) throw invalid(`There is no recipe ${JSON.stringify(name)}.`)
    const id = (this.#lastId += 1)
    this.#staging = { id, recipe, isDry, byManufacturerId: new Map(), deviceIds: new Map(), accessKeys: new Map() }
    this.#waitFor(id)
    return id
  }

  /** @returns what is wrong with which rows; those are left out. */
  async addRows(id: number, rows: readonly DeviceRow[]): Promise<{ line: number; problem: string }[]> {
    const staging = this.#stagingOf(id)
    this.#waitFor(id)
    const problems: { line: number; problem: string }[] = []
    const good: DeviceRow[] = []
    for (const row of rows) {
      const problem = rowProblem(row) ?? this.#conflictOf(staging, row)
      if (problem !== undefined) problems.push({ line: row.line, problem })
      else {
        this.#reserve(staging, row)
        good.push(row)
      }
    }
    try {
      for (let at = 0; at < good.length; at += HASHED_TOGETHER) {
        await Promise.all(good.slice(at, at + HASHED_TOGETHER).map((row) => this.#stage(staging, row)))
      }
    } catch (error) {
      // Half of a chunk is in it, and nobody knows which.
      if (this.#staging === staging) this.abandon(id)
      throw error
    }
    return problems
  }

  /** @returns how many it holds. */
  sizeOf(id: number): number {
    return this.#stagingOf(id).byManufacturerId.size
  }

  /**
   * All devices of the import, in one write.
   *
   * @throws {RegistryError} `ERR_CONFLICT` when one of them has come to be meanwhile, `ERR_STORE_UNAVAILABLE`.
   */
  commit(id: number): Promise<ImportedDevices> {
    const { store, registered, changes } = this.#parts
    return changes.run(async () => {
      const staging = this.#stagingOf(id)
      if (staging.isDry) throw new RegistryError('ERR_CONFLICT', 'This import was begun to look only.')
      const all = [...staging.byManufacturerId.values()]
      if (all.some(({ key }) => key.secretHash === UNHASHED)) {
        throw new RegistryError('ERR_CONFLICT', 'Rows are being added to this import.')
      }
      const claims: { release(): void }[] = []
      try {
        for (const { device, key, line } of all) {
          const claim = await store.claim(device.manufacturerId)
          if (claim !== undefined) claims.push(claim)
          const isTaken = claim === undefined || this.#isTaken(device.id, key.accessKey)
          if (isTaken) throw new RegistryError('ERR_CONFLICT', `Line ${line}: the device has come to be meanwhile.`)
        }
        await store.insertDevices(all)
      } finally {
        for (const claim of claims) claim.release()
      }
      this.abandon(id)
      for (const { device } of all) registered(device)
      return { imported: all.length, credentials: all.flatMap(credentialsOf) }
    })
  }

  abandon(id: number): void {
    this.#stagingOf(id)
    this.#staging = undefined
    clearTimeout(this.#forget)
  }

  close(): void {
    clearTimeout(this.#forget)
  }

  #waitFor(id: number): void {
    clearTimeout(this.#forget)
    this.#forget = setTimeout(() => {
      if (this.#staging?.id === id) this.#staging = undefined
    }, PATIENCE_MS).unref()
  }

  #stagingOf(id: number): Staging {
    if (this.#staging?.id === id) return this.#staging
    throw new RegistryError('ERR_CONFLICT', 'This import has ended, or another one has begun. Begin again.')
  }

  #conflictOf(staging: Staging, row: DeviceRow): string | undefined {
    const { store } = this.#parts
    const { manufacturerId, deviceId, accessKey } = row
    if (staging.byManufacturerId.size >= MAX_IMPORTED_DEVICES) {
      return `an import holds at most ${MAX_IMPORTED_DEVICES} devices; split the file`
    }
    const earlier = staging.byManufacturerId.get(store.formOf(manufacturerId))
    if (earlier !== undefined) {
      return `${JSON.stringify(manufacturerId)} appears twice (first at line ${earlier.line})`
    }
    if (store.findDeviceId(manufacturerId) !== undefined)
      return `${JSON.stringify(manufacturerId)} is registered already`
    const lines = [staging.deviceIds.get(deviceId ?? ''), staging.accessKeys.get(accessKey ?? '')]
    const line = lines.find((one) => one !== undefined)
    if (line !== undefined) return `its ${lines[0] === line ? 'device ID' : 'access key'} is that of line ${line}`
    return this.#isTaken(deviceId, accessKey) ? 'its device ID or access key is that of another device' : undefined
  }

  #isTaken(deviceId: string | undefined, accessKey: string | undefined): boolean {
    const { store } = this.#parts
    if (deviceId !== undefined && store.findDevice(deviceId) !== undefined) return true
    return accessKey !== undefined && store.findAccessKey(accessKey) !== undefined
  }

  /** Before anything is waited for, so that a row that comes meanwhile finds it. */
  #reserve(staging: Staging, row: DeviceRow): void {
    const device = deviceOf(row, staging.recipe, this.#parts.now())
    const key = keyOf(row, device)
    staging.byManufacturerId.set(this.#parts.store.formOf(row.manufacturerId), {
      device,
      key,
      line: row.line,
      minted: undefined,
    })
    staging.deviceIds.set(device.id, row.line)
    staging.accessKeys.set(key.accessKey, row.line)
  }

  async #stage(staging: Staging, { manufacturerId, accessSecret }: DeviceRow): Promise<void> {
    if (staging.isDry) return
    const { credentials, store } = this.#parts
    const form = store.formOf(manufacturerId)
    const reserved = staging.byManufacturerId.get(form)
    if (reserved === undefined) return
    const minted = accessSecret === undefined ? mintAccessSecret() : undefined
    const secretHash =
      minted === undefined
        ? await credentials.hashChosen(new Secret(accessSecret ?? ''))
        : await credentials.hashGenerated(minted)
    staging.byManufacturerId.set(form, { ...reserved, key: { ...reserved.key, secretHash }, minted })
  }
}

function deviceOf({ manufacturerId, tags, name, deviceId }: DeviceRow, recipe: Recipe, now: Date): Device {
  const made = newDevice(manufacturerId, recipe, now, { tags: retagged([], { set: tags, remove: [] }) })
  const id = deviceId ?? made.id
  // Devices are listed by their IDs, which say when they registered.
  const since = deviceId === undefined ? now : new Date(Math.min(mintedAt(id).getTime(), now.getTime()))
  return { ...made, id, name: name ?? made.name, registeredAt: since.toISOString() }
}

const keyOf = ({ accessKey = mintAccessKey() }: DeviceRow, device: Device): DeviceKey => ({
  kind: 'device',
  accessKey,
  deviceId: device.id,
  secretHash: UNHASHED,
  description: `Imported by an operator for device ${device.manufacturerId}.`,
  createdAt: device.registeredAt,
  disabled: false,
})

const credentialsOf = ({ device, key, minted }: Staged): DeviceCredentials[] =>
  minted === undefined ? [] : [{ deviceId: device.id, accessKey: key.accessKey, accessSecret: minted }]

function rowProblem(row: DeviceRow): string | undefined {
  const { manufacturerId, name, tags, deviceId, accessKey, accessSecret } = row
  if (manufacturerId.trim() !== manufacturerId) return 'the manufacturer ID has blanks around it'
  if (!isManufacturerId(manufacturerId)) {
    return 'no device can have this manufacturer ID: 1–243 characters, none of them a control character'
  }
  if (name !== undefined && (name.length > MAX_NAME_CHARACTERS || !isTagText(name))) {
    return `a name has at most ${MAX_NAME_CHARACTERS} characters, none of them a control character`
  }
  if (deviceId !== undefined && !isDeviceId(deviceId)) return 'a device ID has 24 digits of 0–9 and a–f'
  if (accessKey !== undefined && !ACCESS_KEY.test(accessKey)) {
    return 'an access key has 1–64 characters of ASCII, without blanks'
  }
  return secretProblem(accessSecret) ?? tagsProblem(tags)
}

function secretProblem(secret: string | undefined): string | undefined {
  if (secret === undefined) return undefined
  if (secret.length < MIN_CHOSEN_SECRET_CHARACTERS || secret.length > MAX_SECRET_CHARACTERS) {
    return `an access secret has ${MIN_CHOSEN_SECRET_CHARACTERS}–${MAX_SECRET_CHARACTERS} characters`
  }
  return /[\p{Cc}\p{Cs}]/u.test(secret) ? 'the access secret has a control character in it' : undefined
}

function tagsProblem(tags: readonly Tag[]): string | undefined {
  try {
    const changes = { set: tags, remove: [] }
    checkTagChanges(changes)
    retagged([], changes)
    return undefined
  } catch (error) {
    if (error instanceof RegistryError) return error.message.replace(/\.$/, '')
    throw error
  }
}
