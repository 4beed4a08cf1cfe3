import { Accounts } from './accounts/index.ts'
import { AccessControl, type DeviceTopics } from './acl.ts'
import { Admission, AllowList, Approvals, type RegistrationMode } from './admission/index.ts'
import { Credentials, REMEMBERED_SECRETS } from './credentials.ts'
import { HashGate, hashesAtOnce } from './hash-gate.ts'
import { openJournal, type JournalLimits } from './journal/index.ts'
import type { Log } from './log.ts'
import { LoginThrottle } from './login-throttle.ts'
import type { Recipe } from './recipe.ts'
import type { Normalisation } from './manufacturer-id.ts'
import { RegistrationTokens } from './registration-token.ts'
import { Returns } from './returns/index.ts'
import { Registry } from './registry.ts'
import type { Secret } from './secret.ts'
import { StoreWrites } from './store-writes.ts'
import { RegistryStore, type RegistryDatabase } from './store.ts'
import { SigningKeys, Tokens, TokenStore, TokenUses } from './tokens/index.ts'

export interface RegistryOptions {
  readonly registrationSecret: Secret
  readonly registrationIssuer: string
  /** What a device that registers starts with. */
  readonly recipe: Recipe
  /** Those that a token can name beside it. @defaultValue none */
  readonly recipes?: readonly Recipe[]
  /** Who may register. @defaultValue 'open' */
  readonly registrationMode?: RegistrationMode
  /** How manufacturer IDs are compared. @defaultValue 'none' */
  readonly normalisation?: Normalisation
  readonly topicRoot: string
  readonly deviceTopics: DeviceTopics
  /** Threads of libuv's pool, which hashing shares with the store. */
  readonly poolThreads: number
  /** How many logins and registrations may wait for a hash before they are turned away. */
  readonly loginQueue: number
  /** How many access secrets are made ahead, for those who register. @defaultValue 0 */
  readonly preparedSecrets?: number
  /** How long a secret that was replaced stays valid when nothing else is said. @defaultValue 0 */
  readonly rotationOverlapMs?: number
  /** How secrets are hashed and checked; the benchmark compares another way. */
  readonly credentials?: Credentials
  readonly log: Log
  readonly journal?: JournalLimits
  readonly now?: () => Date
  /** Milliseconds of a clock that never goes back. @defaultValue `performance.now` */
  readonly elapsedMs?: () => number
}

/** Puts the registry together over an open database. */
export async function openRegistry(database: RegistryDatabase, options: RegistryOptions): Promise<Registry> {
  const { recipe, recipes = [], normalisation = 'none', registrationMode = 'open', now = () => new Date() } = options
  const { elapsedMs = () => performance.now() } = options
  const { level, writer } = database
  const writes = new StoreWrites(writer)
  const store = new RegistryStore(database, normalisation)
  const allowList = new AllowList(level, writes, normalisation)
  const approvals = new Approvals(level, writes, normalisation)
  await store.open()
  const credentials =
    options.credentials ??
    new Credentials(
      new HashGate(hashesAtOnce(options.poolThreads), options.loginQueue),
      REMEMBERED_SECRETS,
      options.preparedSecrets,
    )
  credentials.letOthersGoFirst(options.poolThreads)
  const { log } = options
  const throttle = new LoginThrottle()
  await allowList.open()
  await approvals.open()
  const signingKeys = new SigningKeys(level, writes, now)
  await signingKeys.open(options.registrationSecret)
  const returns = new Returns(level, writes, elapsedMs)
  await returns.open()
  const tokenStore = new TokenStore(level, writes)
  const tokens = new Tokens({
    store: tokenStore,
    uses: new TokenUses({ store: tokenStore, settleUnsure: () => store.settleUnsure(), now, elapsedMs }),
    jwts: new RegistrationTokens(signingKeys, options.registrationIssuer),
    recipe,
    recipes,
    normalisation,
    now,
  })
  await tokens.open()
  return new Registry({
    store,
    admission: new Admission({ mode: registrationMode, allowList, approvals }),
    allowList,
    approvals,
    tokens,
    signingKeys,
    returns,
    credentials,
    accounts: await Accounts.open({ database, passwords: credentials, now }),
    throttle,
    acl: new AccessControl(options.topicRoot, options.deviceTopics),
    rotationOverlapMs: options.rotationOverlapMs ?? 0,
    journal: await openJournal(database, { store, throttle, limits: options.journal, log, now, elapsedMs }),
    log,
    now,
  })
}
