import type { AccessKey, DeviceKey, ServiceKey } from './access-key.ts'
import type { Device, DeviceId } from './device.ts'
import { DeviceIndex } from './devices/device-index.ts'
import { DeviceSearch, type DevicePage, type DeviceSelection } from './devices/device-search.ts'
import { GatheredWrites } from './gathered-writes.ts'
import { normalised, type Normalisation } from './manufacturer-id.ts'
import { registryRooms as rooms } from './store-rooms.ts'
import { StoreWrites } from './store-writes.ts'
import { chunksOf, keepOpen, readNow, type StoreLevel, type Writer, type WriteOperation } from '../storage/index.ts'

/** The part of an open database that the registry needs. */
export interface RegistryDatabase {
  readonly level: StoreLevel
  readonly writer: Pick<Writer, 'write'>
}

/** Little beside a hash and the queue before it when many devices register at once. */
const GATHER_REGISTRATIONS_MS = 5

/** As many devices are put into the index with one write. */
const INDEXED_TOGETHER = 1000

/** So many in a turn of the event loop cost half a millisecond. */
const COUNTED_TOGETHER = 1000

/** A manufacturer ID that is this caller's until it is released. */
export interface Claim {
  release(): void
}

/** What others want written with a device, in the same batch. */
export interface Beside {
  readonly put: readonly WriteOperation[]
  /** Written when the device is taken out again. */
  readonly undo: readonly WriteOperation[]
  /** Called when the device is not there, for certain. */
  undone(): void
}

const NOTHING_BESIDE: Beside = { put: [], undo: [], undone: () => {} }

interface UnsureDevice {
  readonly device: Device
  readonly key: DeviceKey
  readonly beside: Beside
  removal: Promise<void> | undefined
}

/**
 * The key layout of the registry, and the only file that writes its keys. Every verb writes a fact whole, in one batch,
 * and returns when it is on disk. What is where is in `store-rooms.ts`.
 */
export class RegistryStore {
  readonly #level: StoreLevel
  readonly #writes: StoreWrites
  readonly #normalisation: Normalisation
  readonly #registrations: GatheredWrites
  readonly #devices
  readonly #byManufacturerId
  readonly #accessKeys
  readonly #keysByDevice
  readonly #serviceKeys
  readonly #index: DeviceIndex
  readonly #search: DeviceSearch
  readonly #meta
  readonly #claims = new Map<string, Promise<void>>()
  /** Devices that were not answered for, by manufacturer ID: nobody knows whether they are on the disk. */
  readonly #unsure = new Map<string, UnsureDevice>()

  constructor({ level, writer }: RegistryDatabase, normalisation: Normalisation = 'none') {
    this.#level = level
    this.#writes = new StoreWrites(writer)
    this.#normalisation = normalisation
    this.#registrations = new GatheredWrites(this.#writes, GATHER_REGISTRATIONS_MS)
    this.#devices = level.sublevel<string, Device>(rooms.devices, { valueEncoding: 'json' })
    this.#byManufacturerId = level.sublevel(rooms.byManufacturerId)
    this.#accessKeys = level.sublevel<string, AccessKey>(rooms.accessKeys, { valueEncoding: 'json' })
    this.#keysByDevice = level.sublevel(rooms.keysByDevice)
    this.#serviceKeys = level.sublevel(rooms.serviceKeys)
    this.#meta = level.sublevel(rooms.meta)
    this.#index = new DeviceIndex(level)
    this.#search = new DeviceSearch({
      devices: this.#devices,
      byManufacturerId: this.#byManufacturerId,
      index: this.#index,
      normalisation,
    })
  }

  /**
   * Resolves when reads can be answered.
   *
   * @throws {IdsCollide} when the way to compare manufacturer IDs was changed and two devices would now be one.
   */
  async open(): Promise<void> {
    await keepOpen(this.#level, [
      this.#devices,
      this.#byManufacturerId,
      this.#accessKeys,
      this.#keysByDevice,
      this.#serviceKeys,
      this.#meta,
      this.#index,
    ])
    const before = readNow(this.#meta, 'normalisation') ?? 'none'
    if (before !== this.#normalisation) await this.#reindex()
    if (!this.#index.isComplete) await this.#buildIndex()
  }

  /** Begun anew when it was interrupted: what is there already is written once more. */
  async #buildIndex(): Promise<void> {
    let isEmpty = true
    for await (const some of chunksOf(this.#devices.values(), INDEXED_TOGETHER)) {
      isEmpty = false
      await this.#writes.write(some.flatMap((device) => this.#index.changed(undefined, device)))
    }
    if (!isEmpty) await this.#writes.write(this.#index.completed())
  }

  /** The index of manufacturer IDs anew, in one batch: either way of comparing them is in force whole. */
  async #reindex(): Promise<void> {
    const index = new Map<string, Device>()
    for await (const device of this.#devices.values()) {
      const key = this.#indexKey(device.manufacturerId)
      const other = index.get(key)
      if (other !== undefined) throw new IdsCollide(this.#normalisation, other.manufacturerId, device.manufacturerId)
      index.set(key, device)
    }
    const old = await this.#byManufacturerId.keys().all()
    await this.#writes.write([
      ...old.map((key): WriteOperation => ({ type: 'del', sublevel: this.#byManufacturerId, key })),
      ...Array.from(index, ([key, device]): WriteOperation => ({
        type: 'put',
        sublevel: this.#byManufacturerId,
        key,
        value: device.id,
      })),
      { type: 'put', sublevel: this.#meta, key: 'normalisation', value: this.#normalisation },
    ])
  }

  /**
   * Reserves `manufacturerId`. LevelDB has no compare-and-swap and one process owns the database, so the reservation is
   * in memory. A second caller waits for what becomes of the first.
   *
   * @returns undefined when a device has it.
   * @throws {RegistryError} `ERR_STORE_UNAVAILABLE` when it is not known whether one has it.
   */
  async claim(manufacturerId: string): Promise<Claim | undefined> {
    const indexKey = this.#indexKey(manufacturerId)
    for (;;) {
      const unsure = this.#unsure.get(indexKey)
      if (unsure !== undefined) {
        await this.#remove(unsure)
        continue
      }
      if (readNow(this.#byManufacturerId, indexKey) !== undefined) return undefined
      const other = this.#claims.get(indexKey)
      if (other === undefined) break
      await other
    }
    const claim = new MemoryClaim(() => this.#claims.delete(indexKey))
    this.#claims.set(indexKey, claim.released)
    return claim
  }

  /**
   * The device, its key, both indexes and what goes `beside` them, or nothing of it. The manufacturer ID must be claimed.
   *
   * When the write fails all of it may be on the disk. It is taken out again before the manufacturer ID can be claimed:
   * the device has no credentials, and would be refused for ever as registered already.
   */
  async insertDevice(device: Device, key: DeviceKey, beside: Beside = NOTHING_BESIDE): Promise<void> {
    try {
      await this.#insert(device, key, beside.put)
    } catch (error) {
      const unsure: UnsureDevice = { device, key, beside, removal: undefined }
      this.#unsure.set(this.#indexKey(device.manufacturerId), unsure)
      // As soon as the store was mended; when that takes longer, whoever claims the ID tries again.
      this.#remove(unsure).catch(() => {})
      throw error
    }
  }

  /** All of them, or none. Their manufacturer IDs must be claimed. As {@link insertDevice} when the write fails. */
  async insertDevices(inserted: readonly { readonly device: Device; readonly key: DeviceKey }[]): Promise<void> {
    try {
      await this.#writes.write([
        ...inserted.flatMap(({ device, key }) => this.#operationsOf(device, key)),
        ...this.#index.completed(),
      ])
    } catch (error) {
      for (const { device, key } of inserted) {
        const unsure: UnsureDevice = { device, key, beside: NOTHING_BESIDE, removal: undefined }
        this.#unsure.set(this.#indexKey(device.manufacturerId), unsure)
      }
      this.settleUnsure().catch(() => {})
      throw error
    }
  }

  /**
   * Takes out everything that failed writes may have left.
   *
   * @throws {RegistryError} `ERR_STORE_UNAVAILABLE`.
   */
  async settleUnsure(): Promise<void> {
    await Promise.all(Array.from(this.#unsure.values(), (unsure) => this.#remove(unsure)))
  }

  #remove(unsure: UnsureDevice): Promise<void> {
    const { device, beside } = unsure
    unsure.removal ??= this.deleteDevices([unsure], beside.undo).then(
      () => {
        this.#unsure.delete(this.#indexKey(device.manufacturerId))
        beside.undone()
      },
      (error: unknown) => {
        unsure.removal = undefined
        throw error
      },
    )
    return unsure.removal
  }

  async #insert(device: Device, key: DeviceKey, beside: readonly WriteOperation[]): Promise<void> {
    await this.#registrations.write([...this.#operationsOf(device, key), ...this.#index.completed(), ...beside])
  }

  #operationsOf(device: Device, key: DeviceKey): WriteOperation[] {
    return [
      { type: 'put', sublevel: this.#devices, key: device.id, value: device, valueEncoding: 'json' },
      { type: 'put', sublevel: this.#byManufacturerId, key: this.#indexKey(device.manufacturerId), value: device.id },
      this.#putKey(key),
      { type: 'put', sublevel: this.#keysByDevice, key: device.id, value: key.accessKey },
      ...this.#index.changed(undefined, device),
    ]
  }

  /** Devices and their keys, all changed together. Nobody else may be changing them. */
  async updateDevices(
    changed: readonly { readonly device: Device; readonly key: DeviceKey }[],
    beside: readonly WriteOperation[] = [],
  ): Promise<void> {
    await this.#writes.write([
      ...beside,
      ...changed.flatMap(({ device, key }): WriteOperation[] => [
        { type: 'put', sublevel: this.#devices, key: device.id, value: device, valueEncoding: 'json' },
        this.#putKey(key),
        ...this.#index.changed(this.findDevice(device.id), device),
      ]),
    ])
  }

  async deleteDevices(
    deleted: readonly { readonly device: Device; readonly key: DeviceKey }[],
    beside: readonly WriteOperation[] = [],
  ): Promise<void> {
    await this.#writes.write([
      ...beside,
      ...deleted.flatMap(({ device, key }): WriteOperation[] => [
        { type: 'del', sublevel: this.#devices, key: device.id },
        { type: 'del', sublevel: this.#byManufacturerId, key: this.#indexKey(device.manufacturerId) },
        { type: 'del', sublevel: this.#accessKeys, key: key.accessKey },
        { type: 'del', sublevel: this.#keysByDevice, key: device.id },
        ...this.#index.changed(device, undefined),
      ]),
    ])
  }

  async insertServiceKey(key: ServiceKey): Promise<void> {
    await this.#writes.write([
      this.#putKey(key),
      { type: 'put', sublevel: this.#serviceKeys, key: key.name, value: key.accessKey },
    ])
  }

  async deleteServiceKey(key: ServiceKey): Promise<void> {
    await this.#writes.write([
      { type: 'del', sublevel: this.#accessKeys, key: key.accessKey },
      { type: 'del', sublevel: this.#serviceKeys, key: key.name },
    ])
  }

  findAccessKey(accessKey: string): AccessKey | undefined {
    return readNow(this.#accessKeys, accessKey)
  }

  findDevice(id: DeviceId): Device | undefined {
    return readNow(this.#devices, id)
  }

  findDeviceId(manufacturerId: string): DeviceId | undefined {
    return readNow(this.#byManufacturerId, this.#indexKey(manufacturerId))
  }

  findDeviceKey(id: DeviceId): DeviceKey | undefined {
    const accessKey = readNow(this.#keysByDevice, id)
    const key = accessKey === undefined ? undefined : readNow(this.#accessKeys, accessKey)
    return key?.kind === 'device' ? key : undefined
  }

  findServiceKey(name: string): ServiceKey | undefined {
    const accessKey = readNow(this.#serviceKeys, name)
    const key = accessKey === undefined ? undefined : readNow(this.#accessKeys, accessKey)
    return key?.kind === 'service' ? key : undefined
  }

  /** Two manufacturer IDs of the same form are the same. */
  formOf(manufacturerId: string): string {
    return this.#indexKey(manufacturerId)
  }

  /** A page of the devices that a filter selects. It may hold fewer than asked for, and not be the last. */
  selectDevices(selection: DeviceSelection): Promise<DevicePage> {
    return this.#search.select(selection)
  }

  /** Goes through all their IDs. */
  async countDevices(): Promise<number> {
    let count = 0
    for await (const { length } of chunksOf(this.#devices.keys(), COUNTED_TOGETHER)) count += length
    return count
  }

  async listServiceKeys(): Promise<ServiceKey[]> {
    const accessKeys = await this.#serviceKeys.values().all()
    return accessKeys.flatMap((accessKey) => {
      const key = readNow(this.#accessKeys, accessKey)
      return key?.kind === 'service' ? [key] : []
    })
  }

  #indexKey(manufacturerId: string): string {
    return normalised(manufacturerId, this.#normalisation)
  }

  #putKey(key: AccessKey): WriteOperation {
    return { type: 'put', sublevel: this.#accessKeys, key: key.accessKey, value: key, valueEncoding: 'json' }
  }
}

/** Manufacturer IDs cannot be compared as the configuration says: two devices would be one. */
export class IdsCollide extends Error {
  override readonly name = 'IdsCollide'

  constructor(how: Normalisation, one: string, other: string) {
    super(
      `registration.manufacturerIds is ${how}, and then ${JSON.stringify(one)} and ${JSON.stringify(other)} are the same ` +
        'manufacturer ID, but both are devices. Delete one of them (mooring device delete), or set it back.',
    )
  }
}

class MemoryClaim implements Claim {
  readonly released: Promise<void>
  #release!: () => void

  constructor(forget: () => void) {
    this.released = new Promise<void>((resolve) => {
      this.#release = resolve
    }).then(forget)
  }

  release(): void {
    this.#release()
  }
}
