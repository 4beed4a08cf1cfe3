import type { Findings } from '../storage/index.ts'
import { parseStored } from './stored-json.ts'
import { AdmissionAudit } from './admission/index.ts'
import { normalised, NORMALISATIONS, type Normalisation } from './manufacturer-id.ts'
import { registryRooms as rooms } from './store-rooms.ts'

interface StoredDevice {
  readonly manufacturerId: string
  readonly registeredAt: string
}

interface StoredKey {
  /** The device's ID, or the service's name. */
  readonly owner: string
  readonly createdAt: string
}

/** Which room leads from an owner to its access key, and what is said about keys there. */
interface Ownership {
  readonly room: string
  readonly keys: Map<string, StoredKey>
  readonly index: Map<string, string>
}

/**
 * Looks at the registry's records: is each device whole, with one key and both indexes, and leads every index somewhere?
 * What is needed of each is kept in memory until the end.
 *
 * A device without its key could not log in and would keep its manufacturer ID for ever, so half a device is dropped;
 * indexes are made anew from what they lead to.
 */
export class RegistryAudit {
  readonly #findings: Findings
  readonly #admission: AdmissionAudit
  #normalisation: Normalisation = 'none'
  readonly #devices = new Map<string, StoredDevice>()
  readonly #byManufacturerId = new Map<string, string>()
  readonly #ofDevices: Ownership = { room: rooms.keysByDevice, keys: new Map(), index: new Map() }
  readonly #ofServices: Ownership = { room: rooms.serviceKeys, keys: new Map(), index: new Map() }

  constructor(findings: Findings) {
    this.#findings = findings
    this.#admission = new AdmissionAudit(findings)
  }

  /** @returns whether the record is in a room of the registry. */
  see(room: string, key: Buffer, value: Buffer): boolean {
    const name = key.toString()
    switch (room) {
      case rooms.devices:
        this.#seeDevice(name, value)
        return true
      case rooms.accessKeys:
        this.#seeKey(name, value)
        return true
      case rooms.byManufacturerId:
        this.#byManufacturerId.set(name, value.toString())
        return true
      case rooms.keysByDevice:
        this.#ofDevices.index.set(name, value.toString())
        return true
      case rooms.serviceKeys:
        this.#ofServices.index.set(name, value.toString())
        return true
      case rooms.meta:
        this.#normalisation = NORMALISATIONS.find((one) => one === value.toString()) ?? 'none'
        return true
      default:
        return this.#admission.see(room, key, value)
    }
  }

  #seeDevice(id: string, value: Buffer): void {
    const device = parseStored(value)
    const { manufacturerId, registeredAt } = device
    if (device['id'] !== id || typeof manufacturerId !== 'string' || typeof registeredAt !== 'string') {
      this.#drop(rooms.devices, id, 'is not a device')
    } else {
      this.#devices.set(id, { manufacturerId, registeredAt })
    }
  }

  #seeKey(accessKey: string, value: Buffer): void {
    const { accessKey: own, kind, deviceId, name, secretHash, createdAt } = parseStored(value)
    const owner = kind === 'device' ? deviceId : kind === 'service' ? name : undefined
    const isKey = own === accessKey && typeof secretHash === 'string' && typeof createdAt === 'string'
    if (!isKey || typeof owner !== 'string') return this.#drop(rooms.accessKeys, accessKey, 'is not an access key')
    const { keys } = kind === 'device' ? this.#ofDevices : this.#ofServices
    keys.set(accessKey, { owner, createdAt })
  }

  /** Once every record was seen. */
  conclude(): void {
    this.#leaveOneOfTwins()
    for (const [accessKey, { owner }] of this.#ofDevices.keys) {
      if (this.#devices.has(owner)) continue
      this.#ofDevices.keys.delete(accessKey)
      this.#drop(rooms.accessKeys, accessKey, `belongs to the device ${owner}, which is not there`)
    }
    const owned = this.#leadToKeys(this.#ofDevices)
    this.#leadToKeys(this.#ofServices)
    for (const [id, { manufacturerId }] of this.#devices) {
      if (owned.has(id)) continue
      this.#devices.delete(id)
      this.#drop(rooms.devices, id, `has no access key; its manufacturer ID is ${manufacturerId}`)
    }
    this.#leadToDevices()
    this.#admission.conclude()
  }

  /** Of devices with one manufacturer ID the one stays that the index names, or else the newest. */
  #leaveOneOfTwins(): void {
    const chosen = new Map<string, string>()
    for (const [id, { manufacturerId, registeredAt }] of this.#devices) {
      const indexed = normalised(manufacturerId, this.#normalisation)
      const other = chosen.get(indexed)
      if (other === undefined) {
        chosen.set(indexed, id)
        continue
      }
      const named = this.#byManufacturerId.get(indexed)
      const isNewer = registeredAt >= (this.#devices.get(other)?.registeredAt ?? '')
      const stays = named === id || (named !== other && isNewer) ? id : other
      const goes = stays === id ? other : id
      chosen.set(indexed, stays)
      this.#devices.delete(goes)
      this.#drop(rooms.devices, goes, `has the manufacturer ID ${manufacturerId}, which is that of ${stays}`)
    }
  }

  /** @returns those who have a key. */
  #leadToKeys({ room, keys, index }: Ownership): ReadonlySet<string> {
    const chosen = new Map<string, string>()
    for (const [accessKey, { owner, createdAt }] of keys) {
      const other = chosen.get(owner)
      if (other === undefined) {
        chosen.set(owner, accessKey)
        continue
      }
      const named = index.get(owner)
      const isNewer = createdAt >= (keys.get(other)?.createdAt ?? '')
      const stays = named === accessKey || (named !== other && isNewer) ? accessKey : other
      chosen.set(owner, stays)
      this.#drop(rooms.accessKeys, stays === accessKey ? other : accessKey, `is a second key of ${owner}`)
    }
    this.#matchIndex(room, index, chosen, 'an access key')
    return new Set(chosen.keys())
  }

  #leadToDevices(): void {
    const chosen = new Map(
      Array.from(this.#devices, ([id, { manufacturerId }]) => [normalised(manufacturerId, this.#normalisation), id]),
    )
    this.#matchIndex(rooms.byManufacturerId, this.#byManufacturerId, chosen, 'a device')
  }

  #matchIndex(
    room: string,
    index: ReadonlyMap<string, string>,
    right: ReadonlyMap<string, string>,
    what: string,
  ): void {
    for (const [name, to] of right) {
      const there = index.get(name)
      if (there === to) continue
      const problem = there === undefined ? 'is missing' : `leads to ${there}`
      this.#findings.put(room, Buffer.from(name), Buffer.from(to), `${problem}, and should lead to ${to}`)
    }
    for (const name of index.keys()) {
      if (!right.has(name)) this.#drop(room, name, `leads to ${what} that is not there`)
    }
  }

  #drop(room: string, name: string, problem: string): void {
    this.#findings.drop(room, Buffer.from(name), problem)
  }
}
