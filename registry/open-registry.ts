import { AccessControl, type DeviceTopics } from './acl.ts'
import { Credentials } from './credentials.ts'
import { HashGate, hashesAtOnce } from './hash-gate.ts'
import { openJournal, type JournalLimits } from './journal/index.ts'
import type { Log } from './log.ts'
import { LoginThrottle } from './login-throttle.ts'
import type { Recipe } from './recipe.ts'
import { RegistrationTokens } from './registration-token.ts'
import { Registry } from './registry.ts'
import type { Secret } from './secret.ts'
import { RegistryStore, type RegistryDatabase } from './store.ts'

export interface RegistryOptions {
  readonly registrationSecret: Secret
  readonly registrationIssuer: string
  readonly recipe: Recipe
  readonly topicRoot: string
  readonly deviceTopics: DeviceTopics
  /** Threads of libuv's pool, which hashing shares with the store. */
  readonly poolThreads: number
  /** How many logins and registrations may wait for a hash before they are turned away. */
  readonly loginQueue: number
  readonly log: Log
  readonly journal?: JournalLimits
  readonly now?: () => Date
}

/** Puts the registry together over an open database. */
export async function openRegistry(database: RegistryDatabase, options: RegistryOptions): Promise<Registry> {
  const store = new RegistryStore(database)
  await store.open()
  const { log, now = () => new Date() } = options
  const throttle = new LoginThrottle()
  return new Registry({
    store,
    tokens: await RegistrationTokens.create(options.registrationSecret, options.registrationIssuer),
    credentials: new Credentials(new HashGate(hashesAtOnce(options.poolThreads), options.loginQueue)),
    throttle,
    acl: new AccessControl(options.topicRoot, options.deviceTopics),
    recipe: options.recipe,
    journal: await openJournal(database, { store, throttle, limits: options.journal, log, now }),
    log,
    now,
  })
}
