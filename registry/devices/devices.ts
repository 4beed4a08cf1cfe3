import { mintAccessSecret, type DeviceCredentials, type DeviceKey } from '../access-key.ts'
import type { ChangeQueue } from '../change-queue.ts'
import type { Credentials } from '../credentials.ts'
import type { Device, DeviceId } from '../device.ts'
import { RegistryError } from '../errors.ts'
import type { Revocation } from '../revocation.ts'
import type { WriteOperation } from '../../storage/index.ts'
import type { RegistryStore } from '../store.ts'
import type { DevicePage, DeviceSelection } from './device-search.ts'
import { applied, checkChange, type DeviceChange } from './device-change.ts'
import { DeviceCount } from './device-count.ts'
import { LONGEST_OVERLAP_MS, Overlaps } from './overlaps.ts'

export interface DevicesParts {
  readonly store: RegistryStore
  readonly credentials: Pick<Credentials, 'hashGenerated' | 'forget'>
  readonly changes: ChangeQueue
  /** What else goes when a device does. */
  readonly writtenWithDeleted: (id: DeviceId) => WriteOperation[]
  /** Whoever is connected like that must be cut off now. */
  readonly revoke: (revocation: Revocation) => void
  /** How long a secret that was replaced stays valid when nothing else is said. */
  readonly rotationOverlapMs: number
  readonly now: () => Date
}

/** What can be done to many devices at once. */
export type BulkChange =
  | DeviceChange
  | { readonly kind: 'rotate'; readonly overlapMs?: number }
  | { readonly kind: 'delete' }
  | { readonly kind: 'disconnect' }

export interface BulkResult {
  /** How many devices of this page were meant. */
  readonly matched: number
  /** Those that were not like that already. */
  readonly changed: readonly Device[]
  /** New secrets, shown here and never again. */
  readonly credentials: readonly DeviceCredentials[]
  readonly next?: string
}

interface Owned {
  readonly device: Device
  readonly key: DeviceKey
}

/**
 * What an operator does with devices. Wherever a device is named its device ID or its manufacturer ID will do. A change is
 * on disk when it is answered, and has cut off whoever was let in under what held before.
 *
 * Everything that names a device throws a {@link RegistryError} `ERR_NOT_FOUND`.
 */
export class Devices {
  readonly #store: RegistryStore
  readonly #credentials: DevicesParts['credentials']
  readonly #changes: ChangeQueue
  readonly #writtenWithDeleted: DevicesParts['writtenWithDeleted']
  readonly #revoke: (revocation: Revocation) => void
  readonly #rotationOverlapMs: number
  readonly #now: () => Date
  readonly #overlaps: Overlaps
  readonly #count: DeviceCount

  constructor(parts: DevicesParts) {
    const { store, credentials, changes, revoke, rotationOverlapMs, now } = parts
    this.#store = store
    this.#writtenWithDeleted = parts.writtenWithDeleted
    this.#credentials = credentials
    this.#changes = changes
    this.#revoke = revoke
    this.#rotationOverlapMs = rotationOverlapMs
    this.#now = now
    this.#count = new DeviceCount(() => store.countDevices())
    this.#overlaps = new Overlaps(now, (accessKey) => this.#overlapEnded(accessKey))
  }

  /** In the order of registration, or of their manufacturer IDs when these are asked for. A page may hold fewer than asked for. */
  list(selection: DeviceSelection): Promise<DevicePage> {
    return this.#store.selectDevices(selection)
  }

  /** How many there are, or were a moment ago. */
  count(): Promise<number> {
    return this.#count.get()
  }

  get(idOrManufacturerId: string): Device {
    // IDs first: devices choose their manufacturer IDs, and one must not answer for another's device ID.
    const byId = this.#store.findDevice(idOrManufacturerId)
    if (byId !== undefined) return byId
    const id = this.#store.findDeviceId(idOrManufacturerId)
    const device = id === undefined ? undefined : this.#store.findDevice(id)
    if (device === undefined) {
      throw new RegistryError('ERR_NOT_FOUND', `There is no device ${JSON.stringify(idOrManufacturerId)}.`)
    }
    return device
  }

  has(id: DeviceId): boolean {
    return this.#store.findDevice(id) !== undefined
  }

  /** The access key of a device. */
  keyOf(device: Device): DeviceKey {
    const key = this.#store.findDeviceKey(device.id)
    if (key === undefined) throw new Error(`device ${device.id} has no access key: the store is not whole`)
    return key
  }

  change(idOrManufacturerId: string, change: DeviceChange): Promise<Device> {
    return this.#changes.run(async () => {
      checkChange(change)
      const found = this.#find(idOrManufacturerId)
      const [device = found.device] = await this.#change([found], change)
      return device
    })
  }

  /**
   * A new secret for the same access key.
   *
   * @param overlapMs - how long the old one stays valid, and the connection that was made with it.
   */
  rotate(idOrManufacturerId: string, overlapMs?: number): Promise<DeviceCredentials> {
    return this.#changes.run(async () => {
      const [credentials] = await this.#rotate([this.#find(idOrManufacturerId)], overlapMs)
      return credentials!
    })
  }

  /** Forgets the device and its key. Its manufacturer ID can register again. @returns the device as it was. */
  delete(idOrManufacturerId: string): Promise<Device> {
    return this.#changes.run(async () => {
      const found = this.#find(idOrManufacturerId)
      await this.#delete([found])
      return found.device
    })
  }

  /** Ends its connection; it may come back at once. */
  disconnect(idOrManufacturerId: string): Device {
    const { device, key } = this.#find(idOrManufacturerId)
    this.#revoke({ accessKey: key.accessKey })
    return device
  }

  /** The same change of a page of devices, all of it in one write. Without a change it counts. */
  changeMany(selection: DeviceSelection, change: BulkChange | undefined): Promise<BulkResult> {
    return this.#changes.run(async () => {
      if (Object.values(selection.filter).every((wanted) => wanted === undefined)) {
        throw new RegistryError('ERR_INPUT_INVALID', 'Say which devices are meant.')
      }
      const { devices, next } = await this.#store.selectDevices(selection)
      const done = { matched: devices.length, ...(next === undefined ? {} : { next }) }
      if (change === undefined) return { ...done, changed: [], credentials: [] }
      const found = devices.flatMap((device) => {
        const key = this.#store.findDeviceKey(device.id)
        return key === undefined ? [] : { device, key }
      })
      const credentials = change.kind === 'rotate' ? await this.#rotate(found, change.overlapMs) : []
      return { ...done, changed: await this.#changeAll(found, change), credentials }
    })
  }

  /** A login with a secret that was replaced: it ends with the overlap. */
  watchOverlap({ accessKey, previousSecret }: DeviceKey): void {
    if (previousSecret !== undefined) this.#overlaps.watch(accessKey, previousSecret.until)
  }

  async #changeAll(found: readonly Owned[], change: BulkChange): Promise<Device[]> {
    if (change.kind === 'delete') await this.#delete(found)
    else if (change.kind === 'disconnect') {
      for (const { key } of found) this.#revoke({ accessKey: key.accessKey })
    } else if (change.kind !== 'rotate') {
      checkChange(change)
      return await this.#change(found, change)
    }
    return found.map(({ device }) => device)
  }

  async #change(found: readonly Owned[], change: DeviceChange): Promise<Device[]> {
    const changed = found.flatMap(({ device, key }) => applied(change, device, key) ?? [])
    if (changed.length > 0) await this.#store.updateDevices(changed)
    for (const { key, isCutOff } of changed) if (isCutOff) this.#revoke({ accessKey: key.accessKey })
    return changed.map(({ device }) => device)
  }

  async #rotate(found: readonly Owned[], overlapMs = this.#rotationOverlapMs): Promise<DeviceCredentials[]> {
    if (!(overlapMs >= 0 && overlapMs <= LONGEST_OVERLAP_MS)) {
      throw new RegistryError('ERR_INPUT_INVALID', 'An old secret may stay valid for at most 24 days.')
    }
    const until = new Date(this.#now().getTime() + overlapMs).toISOString()
    const rotated = await Promise.all(
      found.map(async ({ device, key }) => {
        const accessSecret = mintAccessSecret()
        const newKey: DeviceKey = {
          ...key,
          secretHash: await this.#credentials.hashGenerated(accessSecret),
          secretVersion: (key.secretVersion ?? 0) + 1,
          previousSecret: overlapMs === 0 ? undefined : { secretHash: key.secretHash, until },
        }
        return { device, key: newKey, accessSecret }
      }),
    )
    if (rotated.length > 0) await this.#store.updateDevices(rotated)
    for (const { key } of rotated) this.#replaced(key)
    return rotated.map(({ device, key, accessSecret }) => ({
      deviceId: device.id,
      accessKey: key.accessKey,
      accessSecret,
    }))
  }

  /** Those who logged in with the secret before the last one had their time already. */
  #replaced({ accessKey, secretVersion = 0, previousSecret }: DeviceKey): void {
    if (previousSecret === undefined) return this.#revoke({ accessKey })
    this.#overlaps.watch(accessKey, previousSecret.until)
    this.#revoke({ accessKey, secretsBefore: secretVersion - 1 })
  }

  async #delete(found: readonly Owned[]): Promise<void> {
    const beside = found.flatMap(({ device }) => this.#writtenWithDeleted(device.id))
    if (found.length > 0) await this.#store.deleteDevices(found, beside)
    for (const { key } of found) this.#revoke({ accessKey: key.accessKey })
  }

  #overlapEnded(accessKey: string): void {
    const key = this.#store.findAccessKey(accessKey)
    if (key?.kind !== 'device') return
    const { secretVersion = 0, previousSecret } = key
    const isOver = previousSecret === undefined || Date.parse(previousSecret.until) <= this.#now().getTime()
    if (isOver) this.#revoke({ accessKey, secretsBefore: secretVersion })
    else this.#overlaps.watch(accessKey, previousSecret.until)
  }

  #find(idOrManufacturerId: string): Owned {
    const device = this.get(idOrManufacturerId)
    return { device, key: this.keyOf(device) }
  }
}
