import type { JWTPayload } from 'jose'
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
import { isDeviceId, isManufacturerId, newDevice, type Device, type DeviceId } from './device.ts'
import { RegistryError } from './errors.ts'
import type { Attempts, Explanation, Journal, JournalRoom } from './journal/index.ts'
import type { Log } from './log.ts'
import type { LoginThrottle } from './login-throttle.ts'
import type { Presented, Principal } from './principal.ts'
import type { Recipe } from './recipe.ts'
import type { RegistrationTokens, TokenClaims } from './registration-token.ts'
import { Secret } from './secret.ts'
import { Signal } from './signal.ts'
import type { RegistryStore } from './store.ts'
import { filterProblem } from './topics.ts'

export interface RegistryParts {
  readonly store: RegistryStore
  readonly tokens: RegistrationTokens
  readonly credentials: Credentials
  readonly throttle: LoginThrottle
  readonly acl: AccessControl
  readonly admission: Admission
  readonly allowList: AllowList
  readonly approvals: Approvals
  /** What a device that registers starts with. */
  readonly recipe: Recipe
  readonly journal: JournalRoom
  readonly log: Log
  readonly now: () => Date
}

/** A secret that a person chose must at least be this long. */
export const MIN_CHOSEN_SECRET_CHARACTERS = 12

/** Devices, access keys and registration tokens: every use case by its name. */
export class Registry {
  readonly acl: AccessControl
  /** What happened. */
  readonly journal: Journal
  /** For the doors to tell who came. */
  readonly attempts: Attempts
  /** Who may register, beside holding a token. */
  readonly admission: Admission
  readonly allowList: AllowList
  readonly approvals: Approvals
  /** Whoever logged in with this access key must be cut off now: disabled, deleted or its secret rotated. */
  readonly accessRevoked: Signal<{ accessKey: string }>
  readonly deviceRegistered: Signal<Device>

  readonly #store: RegistryStore
  readonly #tokens: RegistrationTokens
  readonly #credentials: Credentials
  readonly #throttle: LoginThrottle
  readonly #recipe: Recipe
  readonly #journal: JournalRoom
  readonly #now: () => Date
  /** Changes of devices and keys, one after the other: each reads what the one before wrote. */
  #lastChange: Promise<unknown> = Promise.resolve()

  constructor(parts: RegistryParts) {
    const { store, tokens, credentials, throttle, acl, recipe, journal, log, now } = parts
    const reportFault = (error: unknown) =>
      log.error({ event: 'listener-failed', error }, 'A listener of the registry failed.')
    this.acl = acl
    this.admission = parts.admission
    this.allowList = parts.allowList
    this.approvals = parts.approvals
    this.journal = journal.journal
    this.attempts = journal.attempts
    this.accessRevoked = new Signal(reportFault)
    this.deviceRegistered = new Signal(reportFault)
    this.#store = store
    this.#tokens = tokens
    this.#credentials = credentials
    this.#throttle = throttle
    this.#recipe = recipe
    this.#journal = journal
    this.#now = now
  }

  /**
   * Creates a device and answers with its credentials once they are on disk. The access secret is shown here and never
   * again.
   *
   * @param request.token - what the caller sent as its registration token, not yet believed.
   * @param request.manufacturerId - unique per physical device; looked at before the token.
   * @param request.address - IP address of the caller, without a port, when there is one.
   * @throws {RegistryError} `ERR_MANUFACTURER_ID_MISSING`, `ERR_REGISTRATION_TOKEN_INVALID`,
   * `ERR_DEVICE_ALREADY_REGISTERED`, what {@link Admission.decide} throws, `ERR_BUSY`, `ERR_STORE_UNAVAILABLE`. Source: docs/contract.md §1.
   */
  async registerDevice(request: {
    token: unknown
    manufacturerId: string
    address?: string
  }): Promise<DeviceCredentials> {
    const { token, manufacturerId, address = 'unknown' } = request
    const now = this.#now()
    if (!isManufacturerId(manufacturerId)) {
      throw new RegistryError('ERR_MANUFACTURER_ID_MISSING', 'Missing manufacturerId field.')
    }
    const { jti: tokenId } = await this.#tokens.verify(token, now)
    const claim = await this.#store.claim(manufacturerId)
    if (claim === undefined) throw new RegistryError('ERR_DEVICE_ALREADY_REGISTERED', 'Device already registered.')
    try {
      const { tags } = await this.admission.decide({
        manufacturerId,
        address,
        now,
        ...(tokenId === undefined ? {} : { tokenId }),
      })
      const device = newDevice(manufacturerId, this.#recipe, now, tags)
      const accessSecret = mintAccessSecret()
      const key: DeviceKey = {
        kind: 'device',
        accessKey: mintAccessKey(),
        deviceId: device.id,
        secretHash: await this.#credentials.hashGenerated(accessSecret),
        description: `Generated by /api/register-device endpoint for device ${manufacturerId}.`,
        createdAt: now.toISOString(),
        disabled: false,
      }
      await this.#store.insertDevice(device, key)
      this.admission.registered(manufacturerId)
      this.deviceRegistered.emit(device)
      return { deviceId: device.id, accessKey: key.accessKey, accessSecret }
    } finally {
      claim.release()
    }
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

  async issueToken(claims: TokenClaims): Promise<string> {
    return await this.#tokens.issue(claims, this.#now())
  }

  /** @throws {RegistryError} `ERR_REGISTRATION_TOKEN_INVALID` with a message for the operator that says why. */
  async verifyToken(token: string): Promise<JWTPayload> {
    try {
      return await this.#tokens.verify(token, this.#now())
    } catch (cause) {
      throw new RegistryError('ERR_REGISTRATION_TOKEN_INVALID', this.#tokens.explain(token, cause), { cause })
    }
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
    return this.#change(async () => {
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
    return this.#change(async () => {
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
    return this.#change(async () => {
      const device = this.#find(idOrManufacturerId)
      const key = this.#keyOf(device)
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
    return this.#change(async () => {
      const device = this.#find(idOrManufacturerId)
      const key = this.#keyOf(device)
      await this.#store.deleteDevice(device, key)
      this.#revoke(key.accessKey)
    })
  }

  /** Why a device, a manufacturer ID or an address cannot get in. */
  async explain(subject: string): Promise<Explanation> {
    return await this.#journal.explain(subject)
  }

  /** Writes down what waits. The store stays open. */
  async close(): Promise<void> {
    await this.#journal.close()
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
    const principal = principalOf(current, presented)
    this.#credentials.remember(accessSecret, principal)
    return principal
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
    return this.#change(async () => {
      const device = { ...this.#find(idOrManufacturerId), disabled }
      const key = this.#keyOf(device)
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

  #change<T>(work: () => Promise<T>): Promise<T> {
    const change = this.#lastChange.then(work)
    this.#lastChange = change.catch(() => {})
    return change
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
