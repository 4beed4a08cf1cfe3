// The product's own registration endpoint over the product's own store, with one difference: secrets that it mints are
// hashed as if a person had chosen them, argon2id m=19456 t=2. A process of its own: `--data DIR`.
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { createRegistrationApp, listenHttp } from '../../registration/index.ts'
import { Credentials } from '../../registry/credentials.ts'
import { HashGate, hashesAtOnce } from '../../registry/hash-gate.ts'
import { AccessControl, Registry, RegistrationTokens, Secret, TL_GENERATOR, type Log } from '../../registry/index.ts'
import { openJournal } from '../../registry/journal/index.ts'
import { LoginThrottle } from '../../registry/login-throttle.ts'
import { RegistryStore } from '../../registry/store.ts'
import { openDatabase } from '../../storage/index.ts'

class ExpensiveCredentials extends Credentials {
  override hashGenerated(secret: Secret): Promise<string> {
    return this.hashChosen(secret)
  }
}

/** Where the token says that devices register and connect; the load generator knows. */
const CLAIMS = { url: 'http://127.0.0.1/api/register-device', mqtt: 'mqtt://127.0.0.1' }

const now = (): Date => new Date()

const quiet: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

await main()

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { data: { type: 'string' } } })
  const database = await openDatabase(values.data ?? '')
  const store = new RegistryStore(database)
  await store.open()
  const threads = Number(process.env['UV_THREADPOOL_SIZE'] ?? availableParallelism())
  const tokens = await RegistrationTokens.create(new Secret('b'.repeat(64)), 'bench')
  const throttle = new LoginThrottle()
  const registry = new Registry({
    store,
    tokens,
    credentials: new ExpensiveCredentials(new HashGate(hashesAtOnce(threads), 10_000)),
    throttle,
    acl: new AccessControl('losant', 'own'),
    recipe: TL_GENERATOR,
    journal: await openJournal(database, { store, throttle, log: quiet, now }),
    log: quiet,
    now,
  })
  const app = createRegistrationApp({ registry, readiness: () => [], log: quiet }).callback()
  const { address } = await listenHttp({ address: { host: '127.0.0.1', port: 0 }, app, log: quiet })
  process.stdout.write(`token ${await tokens.issue(CLAIMS, new Date())}\nlistening on ${address.port}\n`)
}
