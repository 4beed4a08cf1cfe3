import type { Admission } from './admission/index.ts'
import { mintAccessKey, type DeviceCredentials, type DeviceKey } from './access-key.ts'
import type { ChangeQueue } from './change-queue.ts'
import type { Credentials } from './credentials.ts'
import { isManufacturerId, newDevice, type Device, type DeviceOrigin, type Tag } from './device.ts'
import { checkTagChanges, retagged } from './devices/tags.ts'
import { RegistryError } from './errors.ts'
import type { Recipe } from './recipe.ts'
import type { ReturnReason, Returns } from './returns/index.ts'
import type { Signal } from './signal.ts'
import type { Beside, RegistryStore } from './store.ts'
import type { Permission, Tokens } from './tokens/index.ts'

export interface RegistrationRequest {
  /** What the caller sent as its registration token, not yet believed. */
  readonly token: unknown
  /** Unique per physical device; looked at before the token. */
  readonly manufacturerId: string
  /** IP address of the caller, without a port. One that is not known lies in no network. */
  readonly address?: string
}

/** Credentials, and why they were given to a device that had others before. */
export interface Registered extends DeviceCredentials {
  readonly returned?: ReturnReason
}

export interface RegistrationsParts {
  readonly store: RegistryStore
  readonly tokens: Tokens
  readonly admission: Admission
  readonly returns: Returns
  readonly credentials: Credentials
  readonly changes: ChangeQueue
  readonly deviceRegistered: Signal<Device>
  readonly deviceReturned: Signal<{ device: Device; reason: ReturnReason; address: string }>
  /** Ends what the old credentials of a device have opened. */
  readonly revoke: (accessKey: string) => void
  readonly now: () => Date
}

export const UNKNOWN_ADDRESS = 'unknown'

/** A device that an operator puts in, without a token and whoever may register. */
export interface CreateDeviceRequest {
  readonly manufacturerId: string
  /** What it starts with; as configured when absent. */
  readonly recipe?: string
  readonly tags: readonly Tag[]
}

/** How a device comes into the registry, and back into it. Source: docs/contract.md §1. */
export class Registrations {
  readonly #parts: RegistrationsParts

  constructor(parts: RegistrationsParts) {
    this.#parts = parts
  }

  async register({ token, manufacturerId, address = UNKNOWN_ADDRESS }: RegistrationRequest): Promise<Registered> {
    const { store, tokens } = this.#parts
    const now = this.#parts.now()
    if (!isManufacturerId(manufacturerId)) {
      throw new RegistryError('ERR_MANUFACTURER_ID_MISSING', 'Missing manufacturerId field.')
    }
    const permission = await tokens.permit({ token, manufacturerId, address, now })
    const claim = await store.claim(manufacturerId)
    if (claim === undefined) return await this.#comeBack(manufacturerId, permission, address, now)
    try {
      return await this.#create(manufacturerId, permission, address, now)
    } finally {
      claim.release()
    }
  }

  /** @throws {RegistryError} `ERR_INPUT_INVALID`, `ERR_DEVICE_ALREADY_REGISTERED`, `ERR_BUSY`, `ERR_STORE_UNAVAILABLE`. */
  async create({ manufacturerId, recipe: name, tags: given }: CreateDeviceRequest): Promise<DeviceCredentials> {
    const { store, tokens, admission } = this.#parts
    if (!isManufacturerId(manufacturerId)) {
      throw new RegistryError('ERR_INPUT_INVALID', 'No device can have this manufacturer ID.')
    }
    const changes = { set: given, remove: [] }
    checkTagChanges(changes)
    const tags = retagged([], changes)
    const recipe = tokens.recipeOf({ recipe: name })
    if (recipe === undefined) {
      throw new RegistryError('ERR_INPUT_INVALID', `There is no recipe ${JSON.stringify(name)}.`)
    }
    const claim = await store.claim(manufacturerId)
    if (claim === undefined) throw alreadyRegistered()
    try {
      const made = await this.#mint(manufacturerId, recipe, { tags }, this.#parts.now())
      await store.insertDevice(made.device, made.key)
      admission.registered(manufacturerId)
      this.#parts.deviceRegistered.emit(made.device)
      return made.credentials
    } finally {
      claim.release()
    }
  }

  /** The use of the token, the device and its key are written together or not at all. */
  async #create(
    manufacturerId: string,
    permission: Permission,
    address: string,
    now: Date,
  ): Promise<DeviceCredentials> {
    const { store, admission, returns, deviceRegistered } = this.#parts
    const { tokenId, recipe, mode } = permission
    const admitted = await admission.decide({ manufacturerId, tokenId, address, now }, mode)
    const use = await permission.spend()
    const tags = [...permission.tags, ...admitted.tags]
    const registeredFrom = address === UNKNOWN_ADDRESS ? {} : { registeredFrom: address }
    const origin = { tags, tokenId, ...registeredFrom }
    const made = await this.#mint(manufacturerId, recipe, origin, now).catch((error: unknown) => {
      use.giveBack()
      throw error
    })
    const { device, key } = made
    const { put, undo } = use.operationsFor(device.id, address)
    const beside: Beside = {
      put: [put, ...returns.operationsOfNew(device.id, permission)],
      undo: [undo, ...returns.operationsOfDeleted(device.id)],
      undone: () => use.giveBack(),
    }
    await store.insertDevice(device, key, beside)
    admission.registered(manufacturerId)
    deviceRegistered.emit(device)
    return made.credentials
  }

  /** A device and its key, nowhere yet. */
  async #mint(manufacturerId: string, recipe: Recipe, origin: DeviceOrigin, now: Date) {
    const device = newDevice(manufacturerId, recipe, now, origin)
    const { secret: accessSecret, hash: secretHash } = await this.#parts.credentials.mintSecret()
    const accessKey = mintAccessKey()
    const by = origin.tokenId === undefined ? 'an operator' : '/api/register-device endpoint'
    const key: DeviceKey = {
      kind: 'device',
      accessKey,
      deviceId: device.id,
      secretHash,
      description: `Generated by ${by} for device ${manufacturerId}.`,
      createdAt: now.toISOString(),
      disabled: false,
    }
    const credentials: DeviceCredentials = { deviceId: device.id, accessKey, accessSecret }
    return { device, key, credentials }
  }

  /** A device that is here already, and may have fresh credentials: it keeps its ID, its tags and its access key. */
  async #comeBack(manufacturerId: string, permission: Permission, address: string, now: Date): Promise<Registered> {
    const { store, returns, credentials, changes, deviceReturned, revoke } = this.#parts
    const id = store.findDeviceId(manufacturerId)
    if (id === undefined || this.#returning(id, permission, now) === undefined) throw alreadyRegistered()
    return await changes.runFor(id, async () => {
      // A login or an operator may have been faster.
      const { device, reason } = this.#returning(id, permission, now) ?? {}
      const key = store.findDeviceKey(id)
      if (device === undefined || reason === undefined || key === undefined) throw alreadyRegistered()
      returns.takePace(id)
      const { secret: accessSecret, hash: secretHash } = await credentials.mintSecret()
      const secretVersion = (key.secretVersion ?? 0) + 1
      // The old secret dies with this, whatever overlap it had.
      const fresh: DeviceKey = { ...key, secretHash, secretVersion, previousSecret: undefined }
      await store.updateDevices([{ device, key: fresh }], returns.operationsOfReturn(id, reason))
      revoke(key.accessKey)
      deviceReturned.emit({ device, reason, address })
      return { deviceId: id, accessKey: key.accessKey, accessSecret, returned: reason }
    })
  }

  #returning(id: string, permission: Permission, now: Date): { device: Device; reason: ReturnReason } | undefined {
    const device = this.#parts.store.findDevice(id)
    const reason = device === undefined ? undefined : this.#parts.returns.reasonFor(device, permission, now)
    return device === undefined || reason === undefined ? undefined : { device, reason }
  }
}

const alreadyRegistered = (): RegistryError =>
  new RegistryError('ERR_DEVICE_ALREADY_REGISTERED', 'Device already registered.')
