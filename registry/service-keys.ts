import {
  mintAccessKey,
  mintAccessSecret,
  type ServiceCredentials,
  type ServiceKey,
  type ServiceRules,
} from './access-key.ts'
import { networksProblem } from './networks.ts'
import type { ChangeQueue } from './change-queue.ts'
import type { Credentials } from './credentials.ts'
import { invalid, RegistryError } from './errors.ts'
import type { Revocation } from './revocation.ts'
import { Secret } from './secret.ts'
import type { RegistryStore } from './store.ts'
import { accessFilterProblem } from './topics.ts'

/** A secret that a person chose must at least be this long. */
export const MIN_CHOSEN_SECRET_CHARACTERS = 12

export interface ServiceKeysParts {
  readonly store: RegistryStore
  readonly credentials: Pick<Credentials, 'hashGenerated' | 'hashChosen'>
  readonly changes: ChangeQueue
  readonly revoke: (revocation: Revocation) => void
  /** The topic filter of all that is below the topic root. */
  readonly everything: string
  readonly now: () => Date
}

/** Access keys that are not one device's. */
export class ServiceKeys {
  readonly #store: RegistryStore
  readonly #credentials: ServiceKeysParts['credentials']
  readonly #changes: ChangeQueue
  readonly #revoke: ServiceKeysParts['revoke']
  readonly #everything: string
  readonly #now: () => Date

  constructor({ store, credentials, changes, revoke, everything, now }: ServiceKeysParts) {
    this.#store = store
    this.#credentials = credentials
    this.#changes = changes
    this.#revoke = revoke
    this.#everything = everything
    this.#now = now
  }

  /**
   * An access key for the operator's own software. Without rules it reaches everything under the topic root.
   *
   * @param request.secret - minted when absent.
   * @throws {RegistryError} `ERR_CONFLICT` when the name is taken, `ERR_INPUT_INVALID`.
   */
  create(request: {
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
      const problem = networksProblem(addresses)
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

  async list(): Promise<ServiceKey[]> {
    return await this.#store.listServiceKeys()
  }

  /** @throws {RegistryError} `ERR_NOT_FOUND`. */
  delete(nameOrKey: string): Promise<void> {
    return this.#changes.run(async () => {
      const found = this.#store.findServiceKey(nameOrKey) ?? this.#store.findAccessKey(nameOrKey)
      if (found?.kind !== 'service') throw new RegistryError('ERR_NOT_FOUND', `There is no service key ${nameOrKey}.`)
      await this.#store.deleteServiceKey(found)
      this.#revoke({ accessKey: found.accessKey })
    })
  }

  #rules(given: Partial<ServiceRules>): ServiceRules {
    const all = [this.#everything]
    const bare = given.publish === undefined && given.subscribe === undefined
    const rules = {
      publish: given.publish ?? (bare ? all : []),
      subscribe: given.subscribe ?? (bare ? all : []),
      deny: given.deny ?? [],
    }
    for (const filter of [...rules.publish, ...rules.subscribe, ...rules.deny]) {
      const problem = accessFilterProblem(filter)
      if (problem !== undefined) throw invalid(`The topic filter ${JSON.stringify(filter)} ${problem}.`)
    }
    return rules
  }
}

function chosenSecret(text: string): Secret {
  if (text.length < MIN_CHOSEN_SECRET_CHARACTERS) {
    throw invalid(`An access secret needs at least ${MIN_CHOSEN_SECRET_CHARACTERS} characters.`)
  }
  return new Secret(text)
}
