import type { Accounts } from './accounts/index.ts'
import type { AccessControl } from './acl.ts'
import type { Admission, AllowList, Approvals } from './admission/index.ts'
import {
  mintAccessKey,
  mintAccessSecret,
  type AccessKey,
  type DeviceCredentials,
  type DeviceKey,
  type ServiceCredentials,
  type ServiceKey,
  type ServiceRules,
} from './access-key.ts'
import type { Credentials } from './credentials.ts'
import { isDeviceId, type Device, type DeviceId, type Tag } from './device.ts'
import { RegistryError } from './errors.ts'
import type { Log } from './log.ts'
import type { LoginThrottle } from './login-throttle.ts'
import type { Presented, Principal } from './principal.ts'
import { Registrations, type Registered, type RegistrationRequest } from './registrations.ts'
import type { ReturnReason, Returns } from './returns/index.ts'
import { Secret } from './secret.ts'
import { Signal } from './signal.ts'
import type { RegistryStore } from './store.ts'
import type { SigningKeys, Tokens } from './tokens/index.ts'
import { filterProblem } from './topics.ts'
import { Turns } from './turns.ts'

export interface RegistryParts {
  readonly store: RegistryStore
  readonly tokens: Tokens
  readonly signingKeys: SigningKeys
  readonly returns: Returns
  readonly credentials: Credentials
  readonly throttle: LoginThrottle
  readonly acl: AccessControl
  readonly accounts: Accounts
  readonly admission: Admission
  readonly allowList: AllowList
  readonly approvals: Approvals
  readonly log: Log
  readonly now: () => Date
}

/** Whose turn it is when service keys change; no device has this ID. */
const SERVICE_KEYS = 'service-keys'

const READMITTED_AT_ONCE = 500

/** A window that is forgotten open is an open door. */
const MAX_WINDOW_SECONDS = 30 * 86_400

/** A secret that a person chose must at least be this long. */
export const MIN_CHOSEN_SECRET_CHARACTERS = 12

/** Devices, access keys and registration tokens: every use case by its name. */
export class Registry {
  readonly acl: AccessControl
  readonly tokens: Tokens
  readonly signingKeys: SigningKeys
  /** Who administers this over HTTP. */
  readonly accounts: Accounts
  /** Who may register, beside holding a token. */
  readonly admission: Admission
  readonly allowList: AllowList
  readonly approvals: Approvals
  /** Whoever logged in with this access key must be cut off now: disabled, deleted or its secret rotated. */
  readonly accessRevoked: Signal<{ accessKey: string }>
  readonly deviceRegistered: Signal<Device>
  /** A device that was here before has fresh credentials; its old ones are dead. */
  readonly deviceReturned: Signal<{ device: Device; reason: ReturnReason; address: string }>

  readonly #store: RegistryStore
  readonly #registrations: Registrations
  readonly #returns: Returns
  readonly #credentials: Credentials
  readonly #throttle: LoginThrottle
  readonly #now: () => Date
  /** Changes of one device, or of the service keys, one after the other: each reads what the one before wrote. */
  readonly #turns = new Turns()

  constructor(parts: RegistryParts) {
    const { store, tokens, returns, credentials, throttle, acl, log, now } = parts
    const reportFault = (error: unknown) =>
      log.error({ event: 'listener-failed', error }, 'A listener of the registry failed.')
    this.acl = acl
    this.tokens = tokens
    this.signingKeys = parts.signingKeys
    this.accounts = parts.accounts
    this.admission = parts.admission
    this.allowList = parts.allowList
    this.approvals = parts.approvals
    this.accessRevoked = new Signal(reportFault)
    this.deviceRegistered = new Signal(reportFault)
    this.deviceReturned = new Signal(reportFault)
    this.#store = store
    this.#returns = returns
    this.#credentials = credentials
    this.#throttle = throttle
    this.#now = now
    this.#registrations = new Registrations({
      store,
      tokens,
      admission: this.admission,
      returns,
      credentials,
      turns: this.#turns,
      deviceRegistered: this.deviceRegistered,
      deviceReturned: this.deviceReturned,
      revoke: (accessKey) => this.#revoke(accessKey),
      now,
    })
  }

  /**
   * Creates a device and answers with its credentials once they are on disk; or gives fresh ones to a device that may
   * come back. The access secret is shown here and never again.
   *
   * @throws {RegistryError} `ERR_MANUFACTURER_ID_MISSING`, `ERR_REGISTRATION_TOKEN_INVALID`, `ERR_TOKEN_REVOKED`,
   * `ERR_TOKEN_NOT_FOR_DEVICE`, `ERR_DEVICE_ALREADY_REGISTERED`, what {@link Admission.decide} throws, `ERR_TOKEN_EXHAUSTED`, `ERR_RATE_LIMITED`, `ERR_BUSY`,
   * `ERR_STORE_UNAVAILABLE`. Source: docs/contract.md §1.
   */
  async registerDevice(request: RegistrationRequest): Promise<Registered> {
    return await this.#registrations.register(request)
  }

  /**
   * Who a client is. All refusals look and cost alike: an unknown key, a wrong secret, a disabled device and a foreign
   * client ID cannot be told apart.
   *
   * @throws {RegistryError} `ERR_CREDENTIALS_INVALID`; `ERR_BUSY` when the caller should come again.
   */
  async authenticate(presented: Presented): Promise<Principal> {
    const { accessKey, accessSecret, clientId } = presented
    const principal = this.#credentials.recall(accessKey, accessSecret) ?? (await this.#verify(presented))
    if (!this.#mayUseClientId(principal, clientId)) {
      throw credentialsInvalid('the client ID is not the one of this key')
    }
    return principal
  }

  /** How long a login that has to be hashed would wait for its turn now, in milliseconds. */
  loginBacklogMs(): number {
    return this.#credentials.backlogMs
  }

  /**
   * An access key for the operator's own software. Without rules it reaches everything under the topic root.
   *
   * @param request.secret - minted when absent.
   * @throws {RegistryError} `ERR_CONFLICT` when the name is taken, `ERR_INPUT_INVALID`.
   */
  createServiceKey(request: {
    name: string
    rules: Partial<ServiceRules>
    secret?: string
  }): Promise<ServiceCredentials> {
    return this.#turns.run(SERVICE_KEYS, async () => {
      const { name } = request
      if (!/^[\w.-]{1,64}$/.test(name)) {
        throw invalid('A service key needs a name of 1–64 letters, digits, ".", "_" or "-".')
      }
      if (this.#store.findServiceKey(name) !== undefined) {
        throw new RegistryError('ERR_CONFLICT', `A service key named ${name} exists already.`)
      }
      const accessSecret = request.secret === undefined ? mintAccessSecret() : chosenSecret(request.secret)
      const key: ServiceKey = {
        kind: 'service',
        accessKey: mintAccessKey(),
        name,
        rules: this.#rules(request.rules),
        secretHash:
          request.secret === undefined
            ? await this.#credentials.hashGenerated(accessSecret)
            : await this.#credentials.hashChosen(accessSecret),
        description: `Service key ${name}.`,
        createdAt: this.#now().toISOString(),
        disabled: false,
      }
      await this.#store.insertServiceKey(key)
      return { name, accessKey: key.accessKey, accessSecret }
    })
  }

  async listServiceKeys(): Promise<ServiceKey[]> {
    return await this.#store.listServiceKeys()
  }

  /** @throws {RegistryError} `ERR_NOT_FOUND`. */
  deleteServiceKey(nameOrKey: string): Promise<void> {
    return this.#turns.run(SERVICE_KEYS, async () => {
      const found = this.#store.findServiceKey(nameOrKey) ?? this.#store.findAccessKey(nameOrKey)
      if (found?.kind !== 'service') throw new RegistryError('ERR_NOT_FOUND', `There is no service key ${nameOrKey}.`)
      await this.#store.deleteServiceKey(found)
      this.#revoke(found.accessKey)
    })
  }

  /** In the order of registration. `after` is the last ID of the page before. */
  async listDevices(page: { limit: number; after?: DeviceId }): Promise<Device[]> {
    return await this.#store.listDevices(page.limit, page.after)
  }

  /** @throws {RegistryError} `ERR_NOT_FOUND`. */
  async getDevice(idOrManufacturerId: string): Promise<Device> {
    return this.#find(idOrManufacturerId)
  }

  /** The device that a manufacturer ID has become. */
  deviceIdOf(manufacturerId: string): DeviceId | undefined {
    return this.#store.findDeviceId(manufacturerId)
  }

  /** Refuses its logins from now on and ends its connection. Everything else of it is kept. */
  disableDevice(idOrManufacturerId: string): Promise<Device> {
    return this.#setDisabled(idOrManufacturerId, true)
  }

  enableDevice(idOrManufacturerId: string): Promise<Device> {
    return this.#setDisabled(idOrManufacturerId, false)
  }

  /** A new secret for the same access key. The old one stops working and its connection ends. */
  rotateSecret(idOrManufacturerId: string): Promise<DeviceCredentials> {
    return this.#changeDevice(idOrManufacturerId, async (device, key) => {
      const accessSecret = mintAccessSecret()
      await this.#store.updateDevice(device, {
        ...key,
        secretHash: await this.#credentials.hashGenerated(accessSecret),
      })
      this.#revoke(key.accessKey)
      return { deviceId: device.id, accessKey: key.accessKey, accessSecret }
    })
  }

  /** Forgets the device and its key. Its manufacturer ID can register again. */
  deleteDevice(idOrManufacturerId: string): Promise<void> {
    return this.#changeDevice(idOrManufacturerId, async (device, key) => {
      await this.#store.deleteDevice(device, key, this.#returns.operationsOfDeleted(device.id))
      this.#revoke(key.accessKey)
    })
  }

  /**
   * For so long the device may register again with any token that holds for it, and keeps its ID, tags and history. The
   * window closes when it has logged in with what it got.
   *
   * @throws {RegistryError} `ERR_NOT_FOUND`, `ERR_INPUT_INVALID`.
   */
  async readmitDevice(idOrManufacturerId: string, forSeconds: number): Promise<Device> {
    if (!(forSeconds >= 1 && forSeconds <= MAX_WINDOW_SECONDS)) throw invalid('A window is open for 1 s to 30 days.')
    return await this.#changeDevice(idOrManufacturerId, async (device) => {
      await this.#returns.openWindow(device.id, new Date(this.#now().getTime() + forSeconds * 1000))
      return device
    })
  }

  /** The same for every device with this tag. @returns how many there are. */
  async readmitDevices(tag: Tag, forSeconds: number): Promise<number> {
    let count = 0
    let some: Promise<Device>[] = []
    for await (const { id, tags } of this.#store.devices()) {
      if (!tags.some(({ key, value }) => key === tag.key && value === tag.value)) continue
      some.push(this.readmitDevice(id, forSeconds))
      count++
      if (some.length < READMITTED_AT_ONCE) continue
      await Promise.all(some)
      some = []
    }
    await Promise.all(some)
    return count
  }

  /** Costs a hash. */
  async #verify(presented: Presented): Promise<Principal> {
    const { accessKey, accessSecret, address } = presented
    const key = this.#store.findAccessKey(accessKey)
    await this.#verifySecret(presented, key)
    // The record may have changed meanwhile.
    const current = this.#store.findAccessKey(accessKey)
    if (current === undefined || current.disabled || current.secretHash !== key?.secretHash) {
      throw credentialsInvalid(`${address}: the access key is disabled, or was changed during the login`)
    }
    if (current.kind === 'device') await this.#confirm(current)
    const principal = principalOf(current, presented)
    this.#credentials.remember(accessSecret, principal)
    return principal
  }

  /** The first login with credentials that could be given anew: from now on they cannot, and it is on disk before CONNACK. */
  async #confirm({ deviceId, accessKey, secretHash }: DeviceKey): Promise<void> {
    if (!this.#returns.isProvisional(deviceId)) return
    await this.#turns.run(deviceId, async () => {
      if (this.#store.findAccessKey(accessKey)?.secretHash !== secretHash) {
        throw credentialsInvalid('the device was given other credentials during the login')
      }
      await this.#returns.confirm(deviceId)
    })
  }

  async #verifySecret({ accessKey, accessSecret, address }: Presented, key: AccessKey | undefined): Promise<void> {
    const known = key !== undefined
    const paced = async (check: () => Promise<boolean>): Promise<boolean> => {
      await this.#throttle.turn(accessKey, known, address)
      const isRight = await check()
      if (isRight) this.#throttle.succeeded(accessKey, address)
      else this.#throttle.failed(accessKey, known, address)
      return isRight
    }
    if (!(await this.#credentials.verify(key, accessKey, accessSecret, paced))) {
      throw credentialsInvalid(known ? 'the access secret is wrong' : 'there is no such access key')
    }
  }

  /** A device is its client ID; a service may call itself anything but a device. */
  #mayUseClientId(principal: Principal, clientId: string): boolean {
    if (principal.kind === 'device') return clientId === principal.deviceId
    return !isDeviceId(clientId) || this.#store.findDevice(clientId) === undefined
  }

  #rules(given: Partial<ServiceRules>): ServiceRules {
    const all = [this.acl.everythingUnderRoot]
    const bare = given.publish === undefined && given.subscribe === undefined
    const rules = {
      publish: given.publish ?? (bare ? all : []),
      subscribe: given.subscribe ?? (bare ? all : []),
      deny: given.deny ?? [],
    }
    for (const filter of [...rules.publish, ...rules.subscribe, ...rules.deny]) {
      const problem = filterProblem(filter) ?? (filter.startsWith('$') ? 'begins with $' : undefined)
      if (problem !== undefined) throw invalid(`The topic filter ${JSON.stringify(filter)} ${problem}.`)
    }
    return rules
  }

  #setDisabled(idOrManufacturerId: string, disabled: boolean): Promise<Device> {
    return this.#changeDevice(idOrManufacturerId, async (found, key) => {
      const device = { ...found, disabled }
      await this.#store.updateDevice(device, { ...key, disabled })
      if (disabled) this.#revoke(key.accessKey)
      return device
    })
  }

  #revoke(accessKey: string): void {
    this.#credentials.forget(accessKey)
    this.accessRevoked.emit({ accessKey })
  }

  #find(idOrManufacturerId: string): Device {
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

  #keyOf(device: Device): DeviceKey {
    const key = this.#store.findDeviceKey(device.id)
    if (key === undefined) throw new Error(`device ${device.id} has no access key: the store is not whole`)
    return key
  }

  /** In the turn of the device, with what it is then. */
  async #changeDevice<T>(idOrManufacturerId: string, work: (device: Device, key: DeviceKey) => Promise<T>): Promise<T> {
    const { id } = this.#find(idOrManufacturerId)
    return await this.#turns.run(id, async () => {
      const device = this.#find(id)
      return await work(device, this.#keyOf(device))
    })
  }
}

/** Its texts are those that were presented where these are the same: the connection holds them anyway, of many devices. */
function principalOf(key: AccessKey, { accessKey, clientId }: Presented): Principal {
  if (key.kind === 'service') return { kind: 'service', accessKey, name: key.name, rules: key.rules }
  return { kind: 'device', accessKey, deviceId: clientId === key.deviceId ? clientId : key.deviceId }
}

/** One message for every reason; the reason itself is for the log of this process. */
const credentialsInvalid = (reason: string): RegistryError =>
  new RegistryError('ERR_CREDENTIALS_INVALID', 'Bad access key or access secret', { cause: reason })

const invalid = (message: string): RegistryError => new RegistryError('ERR_INPUT_INVALID', message)

function chosenSecret(text: string): Secret {
  if (text.length < MIN_CHOSEN_SECRET_CHARACTERS) {
    throw invalid(`An access secret needs at least ${MIN_CHOSEN_SECRET_CHARACTERS} characters.`)
  }
  return new Secret(text)
}
