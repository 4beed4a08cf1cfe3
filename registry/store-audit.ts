import type { Findings } from '../storage/index.ts'
import type { DeviceKey, ServiceKey } from './access-key.ts'
import { AccountsAudit } from './accounts/index.ts'
import { AdmissionAudit } from './admission/index.ts'
import type { Device } from './device.ts'
import { facetsOf } from './devices/device-filter.ts'
import { DeviceIndexAudit } from './devices/index-audit.ts'
import { JournalAudit } from './journal/index.ts'
import { FILTER_TYPES } from './key-filter.ts'
import { normalised, NORMALISATIONS, type Normalisation } from './manufacturer-id.ts'
import { ReturnsAudit } from './returns/index.ts'
import { registryRooms as rooms } from './store-rooms.ts'
import { UNKNOWN_ADDRESS } from './registrations.ts'
import { count, flag, listOf, oneOf, optional, record, storedAs, tag, text, time, type ShapeOf } from './stored-json.ts'
import { TokensAudit, type TokenOrigin } from './tokens/index.ts'

const DEVICE: ShapeOf<Device> = {
  id: text,
  manufacturerId: text,
  name: text,
  deviceClass: text,
  description: text,
  tags: listOf(tag),
  attributes: listOf(record({ name: text, dataType: text })),
  registeredAt: time,
  disabled: flag,
  quarantined: optional(flag),
  tokenId: optional(text),
  registeredFrom: optional(text),
}

const KEY = {
  accessKey: text,
  secretHash: text,
  description: text,
  createdAt: time,
  disabled: flag,
  addresses: optional(listOf(text)),
}
const DEVICE_KEY: ShapeOf<DeviceKey> = {
  ...KEY,
  kind: oneOf(['device']),
  deviceId: text,
  quarantined: optional(flag),
  filter: optional(record({ filterType: oneOf(FILTER_TYPES), pubTopics: listOf(text), subTopics: listOf(text) })),
  secretVersion: optional(count),
  previousSecret: optional(record({ secretHash: text, until: time })),
}
const SERVICE_KEY: ShapeOf<ServiceKey> = {
  ...KEY,
  kind: oneOf(['service']),
  name: text,
  rules: record({ publish: listOf(text), subscribe: listOf(text), deny: listOf(text) }),
}

interface StoredDevice {
  readonly manufacturerId: string
  readonly registeredAt: string
  readonly facets: readonly string[]
  readonly origin: TokenOrigin | undefined
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
  readonly #returns: ReturnsAudit
  readonly #tokens: TokensAudit
  readonly #index: DeviceIndexAudit
  /** Those that go with no device. */
  readonly #others: readonly (AccountsAudit | JournalAudit)[]
  #normalisation: Normalisation = 'none'
  readonly #devices = new Map<string, StoredDevice>()
  readonly #facets = new Map<string, string>()
  readonly #byManufacturerId = new Map<string, string>()
  readonly #ofDevices: Ownership = { room: rooms.keysByDevice, keys: new Map(), index: new Map() }
  readonly #ofServices: Ownership = { room: rooms.serviceKeys, keys: new Map(), index: new Map() }

  constructor(findings: Findings, now = () => new Date()) {
    this.#findings = findings
    this.#admission = new AdmissionAudit(findings, now)
    this.#returns = new ReturnsAudit(findings)
    this.#tokens = new TokensAudit(findings, now)
    this.#index = new DeviceIndexAudit(findings)
    this.#others = [new AccountsAudit(findings), new JournalAudit(findings, now)]
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
        this.#seeNormalisation(key, value.toString())
        return true
      default:
        return [this.#admission, this.#returns, this.#tokens, this.#index, ...this.#others].some((audit) =>
          audit.see(room, key, value),
        )
    }
  }

  #seeDevice(id: string, value: Buffer): void {
    const device = storedAs<Device>(value, DEVICE)
    if (device?.id !== id) return this.#drop(rooms.devices, id, 'is not a device')
    const { manufacturerId, registeredAt, tokenId, registeredFrom = UNKNOWN_ADDRESS } = device
    const origin = tokenId === undefined ? undefined : { tokenId, address: registeredFrom }
    const facets = facetsOf(device).map((facet) => this.#shared(facet))
    this.#devices.set(id, { manufacturerId, registeredAt, facets, origin })
  }

  /** Few facets belong to many devices. */
  #shared(facet: string): string {
    const known = this.#facets.get(facet)
    if (known === undefined) this.#facets.set(facet, facet)
    return known ?? facet
  }

  #seeKey(accessKey: string, value: Buffer): void {
    const key = storedAs<DeviceKey>(value, DEVICE_KEY) ?? storedAs<ServiceKey>(value, SERVICE_KEY)
    if (key?.accessKey !== accessKey) return this.#drop(rooms.accessKeys, accessKey, 'is not an access key')
    const { createdAt } = key
    if (key.kind === 'device') this.#ofDevices.keys.set(accessKey, { owner: key.deviceId, createdAt })
    else this.#ofServices.keys.set(accessKey, { owner: key.name, createdAt })
  }

  #seeNormalisation(key: Buffer, value: string): void {
    const known = NORMALISATIONS.find((one) => one === value)
    this.#normalisation = known ?? 'none'
    if (known === undefined) this.#findings.drop(rooms.meta, key, 'does not say how manufacturer IDs are compared')
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
    this.#returns.conclude((id) => this.#devices.has(id))
    this.#tokens.conclude(this.#origins())
    this.#index.conclude(Array.from(this.#devices, ([id, { facets }]) => [id, facets] as const))
    for (const audit of this.#others) audit.conclude()
  }

  *#origins(): Generator<readonly [deviceId: string, origin: TokenOrigin]> {
    for (const [id, { origin }] of this.#devices) if (origin !== undefined) yield [id, origin]
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
