import type { AccessKey, DeviceKey } from './access-key.ts'
import { liesIn } from './networks.ts'
import type { ChangeQueue } from './change-queue.ts'
import type { Credentials } from './credentials.ts'
import { isDeviceId } from './device.ts'
import { RegistryError } from './errors.ts'
import type { LoginThrottle } from './login-throttle.ts'
import type { Presented, Principal } from './principal.ts'
import type { Returns } from './returns/index.ts'
import type { RegistryStore } from './store.ts'

export interface LoginsParts {
  readonly store: Pick<RegistryStore, 'findAccessKey' | 'findDevice'>
  readonly credentials: Credentials
  readonly throttle: LoginThrottle
  readonly returns: Pick<Returns, 'isProvisional' | 'confirm'>
  readonly changes: ChangeQueue
  /** Ends a login with a secret that was replaced when its time is over. */
  readonly watchOverlap: (key: DeviceKey) => void
  readonly now: () => Date
}

/** Who a client is that shows an access key and a secret. */
export class Logins {
  readonly #store: LoginsParts['store']
  readonly #credentials: Credentials
  readonly #throttle: LoginThrottle
  readonly #returns: LoginsParts['returns']
  readonly #changes: ChangeQueue
  readonly #watchOverlap: LoginsParts['watchOverlap']
  readonly #now: () => Date

  constructor({ store, credentials, throttle, returns, changes, watchOverlap, now }: LoginsParts) {
    this.#store = store
    this.#credentials = credentials
    this.#throttle = throttle
    this.#returns = returns
    this.#changes = changes
    this.#watchOverlap = watchOverlap
    this.#now = now
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
    if (addresses.length > 0 && !liesIn(addresses, presented.address)) {
      throw credentialsInvalid('the address is not in the list of this key')
    }
    return principal
  }

  /** Costs a hash; a wrong secret costs another one while the secret before is valid too. */
  async #verify(presented: Presented): Promise<Principal> {
    const { accessKey, accessSecret, address } = presented
    const key = this.#store.findAccessKey(accessKey)
    const shown = await this.#verifySecret(presented, key)
    if (key?.kind === 'device' && key.secretHash === shown) await this.#confirm(key)
    // The record may have changed meanwhile. From here on nothing is waited for: who is remembered is who it is now.
    const current = this.#store.findAccessKey(accessKey)
    if (current === undefined || current.disabled) {
      throw credentialsInvalid(`${address}: the access key is disabled, or was deleted during the login`)
    }
    if (current.secretHash === shown) {
      const principal = principalOf(current, presented, secretVersionOf(current))
      this.#credentials.remember(accessSecret, principal)
      return principal
    }
    if (current.kind !== 'device' || this.#previousHash(current) !== shown) {
      throw credentialsInvalid(`${address}: the access key was changed during the login`)
    }
    this.#watchOverlap(current)
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
