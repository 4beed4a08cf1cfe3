import type { Accounts } from './accounts/index.ts'
import type { AccessControl } from './acl.ts'
import type { Admission, AllowList, Approvals } from './admission/index.ts'
import type { DeviceCredentials } from './access-key.ts'
import { ChangeQueue } from './change-queue.ts'
import type { Credentials } from './credentials.ts'
import type { Device, DeviceId, Tag } from './device.ts'
import { DeviceImports } from './devices/device-imports.ts'
import { Devices } from './devices/devices.ts'
import { invalid } from './errors.ts'
import type { Attempts, BulkActions, Journal, JournalRoom } from './journal/index.ts'
import type { Log } from './log.ts'
import type { LoginThrottle } from './login-throttle.ts'
import { Logins } from './logins.ts'
import type { Presented, Principal } from './principal.ts'
import { Registrations, type CreateDeviceRequest, type Registered, type RegistrationRequest } from './registrations.ts'
import type { ReturnReason, Returns } from './returns/index.ts'
import type { Revocation } from './revocation.ts'
import { ServiceKeys } from './service-keys.ts'
import { Signal } from './signal.ts'
import type { RegistryStore } from './store.ts'
import type { SigningKeys, Tokens } from './tokens/index.ts'

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

/** Devices, access keys and registration tokens: every use case by its name. */
export class Registry {
  readonly acl: AccessControl
  readonly tokens: Tokens
  readonly signingKeys: SigningKeys
  /** What happened. */
  readonly journal: Journal
  /** For what is done a page at a time, and is told of as a whole. */
  readonly bulkActions: BulkActions
  /** For the doors to tell who came. */
  readonly attempts: Attempts
  /** Why a device, a manufacturer ID or an address cannot get in. */
  readonly explain: JournalRoom['explain']
  /** Who administers this over HTTP. */
  readonly accounts: Accounts
  /** What an operator does with devices. */
  readonly devices: Devices
  /** Many devices out of a file. */
  readonly deviceImports: DeviceImports
  readonly serviceKeys: ServiceKeys
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
  readonly #closeJournal: JournalRoom['close']
  readonly #returns: Returns
  readonly #credentials: Credentials
  readonly #logins: Logins
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
    this.bulkActions = journal.bulkActions
    this.attempts = journal.attempts
    this.explain = journal.explain
    this.#closeJournal = journal.close
    this.accessRevoked = new Signal(reportFault)
    this.deviceRegistered = new Signal(reportFault)
    this.deviceReturned = new Signal(reportFault)
    this.#store = store
    this.tokens = tokens
    this.signingKeys = parts.signingKeys
    this.#returns = returns
    this.#credentials = credentials
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
    this.deviceImports = new DeviceImports({
      store,
      credentials,
      changes: this.#changes,
      recipeOf: (asked) => tokens.recipeOf(asked),
      registered: (device) => {
        parts.admission.registered(device.manufacturerId)
        this.deviceRegistered.emit(device)
      },
      now,
    })
    this.serviceKeys = new ServiceKeys({
      store,
      credentials,
      changes: this.#changes,
      revoke: (revocation) => this.#revoke(revocation),
      everything: acl.everythingUnderRoot,
      now,
    })
    this.#logins = new Logins({
      store,
      credentials,
      throttle,
      returns,
      changes: this.#changes,
      watchOverlap: (key) => this.devices.watchOverlap(key),
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

  /** A device that an operator puts in: without a token, and whoever may register. Its credentials are shown here and never again. */
  createDevice(request: CreateDeviceRequest): Promise<DeviceCredentials> {
    return this.#registrations.create(request)
  }

  /**
   * Who a client is.
   *
   * @throws {RegistryError} `ERR_CREDENTIALS_INVALID`; `ERR_BUSY` when the caller should come again.
   */
  async authenticate(presented: Presented): Promise<Principal> {
    return await this.#logins.authenticate(presented)
  }

  /** How long a login that has to be hashed would wait for its turn now, in milliseconds. */
  loginBacklogMs(): number {
    return this.#credentials.backlogMs
  }

  /** How many registrations would not have to wait for a hash now. */
  preparedSecrets(): number {
    return this.#credentials.preparedSecrets
  }

  /** Writes down what waits, and makes nothing ahead any more. The store stays open. */
  async close(): Promise<void> {
    this.#credentials.close()
    this.deviceImports.close()
    await this.#closeJournal()
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

  #revoke(revocation: Revocation): void {
    this.#credentials.forget(revocation.accessKey)
    this.accessRevoked.emit(revocation)
  }
}
