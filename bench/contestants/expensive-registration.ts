// The product's own registration endpoint over the product's own store, with one difference: secrets that it mints are
// hashed as if a person had chosen them, argon2id m=19456 t=2. A process of its own: `--data DIR`.
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { createRegistrationApp, listenHttp } from '../../registration/index.ts'
import { Credentials } from '../../registry/credentials.ts'
import { HashGate, hashesAtOnce } from '../../registry/hash-gate.ts'
import { openRegistry, Secret, TL_GENERATOR, type Log } from '../../registry/index.ts'
import { openDatabase } from '../../storage/index.ts'

class ExpensiveCredentials extends Credentials {
  override hashGenerated(secret: Secret): Promise<string> {
    return this.hashChosen(secret)
  }
}

/** Where the token says that devices register and connect; the load generator knows. */
const CLAIMS = { url: 'http://127.0.0.1/api/register-device', mqtt: 'mqtt://127.0.0.1' }

const quiet: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

await main()

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { data: { type: 'string' } } })
  const database = await openDatabase(values.data ?? '')
  const poolThreads = Number(process.env['UV_THREADPOOL_SIZE'] ?? availableParallelism())
  const registry = await openRegistry(database, {
    registrationSecret: new Secret('b'.repeat(64)),
    registrationIssuer: 'bench',
    recipe: TL_GENERATOR,
    topicRoot: 'losant',
    deviceTopics: 'own',
    poolThreads,
    loginQueue: 10_000,
    credentials: new ExpensiveCredentials(new HashGate(hashesAtOnce(poolThreads), 10_000)),
    log: quiet,
  })
  const app = createRegistrationApp({ registry, readiness: () => [], log: quiet }).callback()
  const { address } = await listenHttp({ address: { host: '127.0.0.1', port: 0 }, app, log: quiet })
  const { token } = await registry.tokens.create(CLAIMS)
  process.stdout.write(`token ${token}\nlistening on ${address.port}\n`)
}
