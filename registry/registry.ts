import type { Accounts } from './accounts/index.ts'
import type { AccessControl } from './acl.ts'
import { addressListProblem, isInNetworks } from './address-list.ts'
import type { Admission, AllowList, Approvals } from './admission/index.ts'
import {
  mintAccessKey,
  mintAccessSecret,
  type AccessKey,
  type DeviceKey,
  type ServiceCredentials,
  type ServiceKey,
  type ServiceRules,
} from './access-key.ts'
import { ChangeQueue } from './change-queue.ts'
import type { Credentials } from './credentials.ts'
import { isDeviceId, type Device, type DeviceId, type Tag } from './device.ts'
import { Devices } from './devices/devices.ts'
import { RegistryError } from './errors.ts'
import type { Attempts, Journal, JournalRoom } from './journal/index.ts'
import type { Log } from './log.ts'
import type { LoginThrottle } from './login-throttle.ts'
import type { Presented, Principal } from './principal.ts'
import { Registrations, type Registered, type RegistrationRequest } from './registrations.ts'
import type { ReturnReason, Returns } from './returns/index.ts'
import type { Revocation } from './revocation.ts'
import { Secret } from './secret.ts'
import { Signal } from './signal.ts'
import type { RegistryStore } from './store.ts'
import type { SigningKeys, Tokens } from './tokens/index.ts'
import { filterProblem } from './topics.ts'

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
  readonly journal: JournalRoom
  /** How long a secret that was replaced stays valid when nothing else is said. */
  readonly rotationOverlapMs: number
  readonly log: Log
  readonly now: () => Date
}

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
  /** What happened. */
  readonly journal: Journal
  /** For the doors to tell who came. */
  readonly attempts: Attempts
  /** Why a device, a manufacturer ID or an address cannot get in. */
  readonly explain: JournalRoom['explain']
  /** Writes down what waits. The store stays open. */
  readonly close: JournalRoom['close']
  /** Who administers this over HTTP. */
  readonly accounts: Accounts
  /** What an operator does with devices. */
  readonly devices: Devices
  /** Who may register, beside holding a token. */
  readonly admission: Admission
  readonly allowList: AllowList
  readonly approvals: Approvals
  /** Whoever logged in like that must be cut off now: what they were let in under holds no longer. */
  readonly accessRevoked: Signal<Revocation>
  readonly deviceRegistered: Signal<Device>
  /** A device that was here before has fresh credentials; its old ones are dead. */
  readonly deviceReturned: Signal<{ device: Device; reason: ReturnReason; address: string }>

  readonly #store: RegistryStore
  readonly #registrations: Registrations
  readonly #returns: Returns
  readonly #credentials: Credentials
  readonly #throttle: LoginThrottle
  readonly #now: () => Date
  readonly #changes = new ChangeQueue()

  constructor(parts: RegistryParts) {
    const { store, tokens, returns, credentials, throttle, acl, journal, rotationOverlapMs, log, now } = parts
    const reportFault = (error: unknown) =>
      log.error({ event: 'listener-failed', error }, 'A listener of the registry failed.')
    this.acl = acl
    this.accounts = parts.accounts
    this.admission = parts.admission
    this.allowList = parts.allowList
    this.approvals = parts.approvals
    this.journal = journal.journal
    this.attempts = journal.attempts
    this.explain = journal.explain
    this.close = journal.close
    this.accessRevoked = new Signal(reportFault)
    this.deviceRegistered = new Signal(reportFault)
    this.deviceReturned = new Signal(reportFault)
    this.#store = store
    this.tokens = tokens
    this.signingKeys = parts.signingKeys
    this.#returns = returns
    this.#credentials = credentials
    this.#throttle = throttle
    this.#now = now
    this.devices = new Devices({
      store,
      credentials,
      changes: this.#changes,
      writtenWithDeleted: (id) => returns.operationsOfDeleted(id),
      revoke: (revocation) => this.#revoke(revocation),
      rotationOverlapMs,
      now,
    })
    this.#registrations = new Registrations({
      store,
      tokens,
      admission: this.admission,
      returns,
      credentials,
      changes: this.#changes,
      deviceRegistered: this.deviceRegistered,
      deviceReturned: this.deviceReturned,
      revoke: (accessKey) => this.#revoke({ accessKey }),
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
   * Who a client is. All refusals look and cost alike: an unknown key, a wrong secret, a disabled device, a foreign
   * client ID and an address that is not listed cannot be told apart.
   *
   * @throws {RegistryError} `ERR_CREDENTIALS_INVALID`; `ERR_BUSY` when the caller should come again.
   */
  async authenticate(presented: Presented): Promise<Principal> {
    const { accessKey, accessSecret, clientId } = presented
    const principal = this.#credentials.recall(accessKey, accessSecret) ?? (await this.#verify(presented))
    if (!this.#mayUseClientId(principal, clientId)) {
      throw credentialsInvalid('the client ID is not the one of this key')
    }
    const { addresses = [] } = principal
    if (addresses.length > 0 && !isInNetworks(addresses, presented.address)) {
      throw credentialsInvalid('the address is not in the list of this key')
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
    /** Networks that it may log in from; empty: from anywhere. */
    addresses?: readonly string[]
    secret?: string
  }): Promise<ServiceCredentials> {
    return this.#changes.run(async () => {
      const { name, addresses = [] } = request
      if (!/^[\w.-]{1,64}$/.test(name)) {
        throw invalid('A service key needs a name of 1–64 letters, digits, ".", "_" or "-".')
      }
      if (this.#store.findServiceKey(name) !== undefined) {
        throw new RegistryError('ERR_CONFLICT', `A service key named ${name} exists already.`)
      }
      const problem = addressListProblem(addresses)
      if (problem !== undefined) throw invalid(problem)
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
        addresses,
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
    return this.#changes.run(async () => {
      const found = this.#store.findServiceKey(nameOrKey) ?? this.#store.findAccessKey(nameOrKey)
      if (found?.kind !== 'service') throw new RegistryError('ERR_NOT_FOUND', `There is no service key ${nameOrKey}.`)
      await this.#store.deleteServiceKey(found)
      this.#revoke({ accessKey: found.accessKey })
    })
  }

  /** The device that a manufacturer ID has become. */
  deviceIdOf(manufacturerId: string): DeviceId | undefined {
    return this.#store.findDeviceId(manufacturerId)
  }

  /**
   * For so long the device may register again with any token that holds for it, and keeps its ID, tags and history. The
   * window closes when it has logged in with what it got.
   *
   * @throws {RegistryError} `ERR_NOT_FOUND`, `ERR_INPUT_INVALID`.
   */
  async readmitDevice(idOrManufacturerId: string, forSeconds: number): Promise<Device> {
    if (!(forSeconds >= 1 && forSeconds <= MAX_WINDOW_SECONDS)) throw invalid('A window is open for 1 s to 30 days.')
    const { id } = this.devices.get(idOrManufacturerId)
    return await this.#changes.runFor(id, async () => {
      const device = this.devices.get(id)
      await this.#returns.openWindow(id, new Date(this.#now().getTime() + forSeconds * 1000))
      return device
    })
  }

  /** The same for every device with this tag. @returns how many there are. */
  async readmitDevices(tag: Tag, forSeconds: number): Promise<number> {
    let count = 0
    let after: string | undefined
    do {
      const page = await this.devices.list({
        filter: { tag },
        limit: READMITTED_AT_ONCE,
        ...(after === undefined ? {} : { after }),
      })
      await Promise.all(page.devices.map(({ id }) => this.readmitDevice(id, forSeconds)))
      count += page.devices.length
      after = page.next
    } while (after !== undefined)
    return count
  }

  /** Costs a hash; a wrong secret costs another one while the secret before is valid too. */
  async #verify(presented: Presented): Promise<Principal> {
    const { accessKey, accessSecret, address } = presented
    const key = this.#store.findAccessKey(accessKey)
    const shown = await this.#verifySecret(presented, key)
    // The record may have changed meanwhile.
    const current = this.#store.findAccessKey(accessKey)
    if (current === undefined || current.disabled) {
      throw credentialsInvalid(`${address}: the access key is disabled, or was deleted during the login`)
    }
    if (current.secretHash === shown) {
      if (current.kind === 'device') await this.#confirm(current)
      const principal = principalOf(current, presented, secretVersionOf(current))
      this.#credentials.remember(accessSecret, principal)
      return principal
    }
    if (current.kind !== 'device' || this.#previousHash(current) !== shown) {
      throw credentialsInvalid(`${address}: the access key was changed during the login`)
    }
    this.devices.watchOverlap(current)
    // Not remembered: it is not valid for long.
    return principalOf(current, presented, secretVersionOf(current) - 1)
  }

  /** The first login with credentials that could be given anew: from now on they cannot, and it is on disk before CONNACK. */
  async #confirm({ deviceId, accessKey, secretHash }: DeviceKey): Promise<void> {
    if (!this.#returns.isProvisional(deviceId)) return
    await this.#changes.runFor(deviceId, async () => {
      if (this.#store.findAccessKey(accessKey)?.secretHash !== secretHash) {
        throw credentialsInvalid('the device was given other credentials during the login')
      }
      await this.#returns.confirm(deviceId)
    })
  }

  /** @returns the hash of the key's that the secret was proven by. */
  async #verifySecret(presented: Presented, key: AccessKey | undefined): Promise<string> {
    const { accessKey, accessSecret } = presented
    const previous = this.#previousHash(key)
    const isRight = await this.#credentials.verify(key, accessKey, accessSecret, async (check) => {
      await this.#throttle.turn(accessKey, key !== undefined, presented.address)
      return await this.#counted(presented, key, previous === undefined, check)
    })
    if (key === undefined) throw credentialsInvalid('there is no such access key')
    if (isRight) return key.secretHash
    // The same guess, at a key that has two secrets for a time.
    const isOlder =
      previous !== undefined &&
      (await this.#credentials.verify({ ...key, secretHash: previous }, accessKey, accessSecret, (check) =>
        this.#counted(presented, key, true, check),
      ))
    if (isOlder) return previous
    throw credentialsInvalid('the access secret is wrong')
  }

  /** @param isLast - whether the secret is wrong when this check says so. */
  async #counted(
    { accessKey, address }: Presented,
    key: AccessKey | undefined,
    isLast: boolean,
    check: () => Promise<boolean>,
  ): Promise<boolean> {
    const isRight = await check()
    if (isRight) this.#throttle.succeeded(accessKey, address)
    else if (isLast) this.#throttle.failed(accessKey, key !== undefined, address)
    return isRight
  }

  /** Of the secret before, while it is valid. */
  #previousHash(key: AccessKey | undefined): string | undefined {
    const previous = key?.kind === 'device' ? key.previousSecret : undefined
    return previous !== undefined && this.#now() < new Date(previous.until) ? previous.secretHash : undefined
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

  #revoke(revocation: Revocation): void {
    this.#credentials.forget(revocation.accessKey)
    this.accessRevoked.emit(revocation)
  }
}

const secretVersionOf = (key: AccessKey): number => (key.kind === 'device' ? (key.secretVersion ?? 0) : 0)

/** Its texts are those that were presented where these are the same: the connection holds them anyway, of many devices. */
function principalOf(key: AccessKey, { accessKey, clientId }: Presented, secretVersion: number): Principal {
  const { addresses = [] } = key
  const from = addresses.length === 0 ? {} : { addresses }
  if (key.kind === 'service') return { kind: 'service', accessKey, name: key.name, rules: key.rules, ...from }
  const { filter, quarantined = false } = key
  return {
    kind: 'device',
    accessKey,
    deviceId: clientId === key.deviceId ? clientId : key.deviceId,
    ...(quarantined ? { quarantined } : {}),
    ...(filter === undefined ? {} : { filter }),
    ...from,
    ...(secretVersion === 0 ? {} : { secretVersion }),
  }
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
