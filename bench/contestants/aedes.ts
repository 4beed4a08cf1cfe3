// Stock Aedes as its own documentation starts it, with a login and an ACL that do what Mooring's do. A process of its
// own: `--devices FILE --services FILE` with lines of `client-id user password`, `--secrets remembered|argon2`, and
// `--store DIR` for aedes-persistence-level.
import { Aedes, type AuthenticateError, type Client } from 'aedes'
import AsyncLevelPersistence from 'aedes-persistence-level/asyncPersistence.js'
import { argon2id, hash, verify } from 'argon2'
import { Level } from 'level'
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { parseArgs } from 'node:util'

interface Account {
  /** A device is its client ID; the service key may use any. */
  readonly clientId: string | undefined
  /** What it reaches begins with this. */
  readonly prefix: string
  readonly check: SecretCheck
}

type SecretCheck = (user: string, password: string) => boolean | Promise<boolean>

/** Source: OWASP Password Storage Cheat Sheet, argon2id. */
const ARGON2 = { type: argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

const processKey = randomBytes(32)
const accounts = new Map<string, Account>()
const accountOf = new WeakMap<Client, Account>()

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      devices: { type: 'string' },
      services: { type: 'string' },
      secrets: { type: 'string' },
      store: { type: 'string' },
    },
  })
  const checkFor = values.secrets === 'argon2' ? hashed : remembered
  for (const [clientId = '', user = '', secret = ''] of readLines(values.devices)) {
    accounts.set(user, { clientId, prefix: `losant/${clientId}/`, check: await checkFor(user, secret) })
  }
  for (const [, user = '', secret = ''] of readLines(values.services).slice(0, 1)) {
    accounts.set(user, { clientId: undefined, prefix: 'losant/', check: await checkFor(user, secret) })
  }
  await listen(values.store)
}

async function listen(store: string | undefined): Promise<void> {
  const broker = await Aedes.createBroker({
    ...(store === undefined ? {} : { persistence: new AsyncLevelPersistence(new Level(store)) }),
    authenticate(client, user, password, done) {
      void authenticate(client, user ?? '', String(password), (known) => done(known ? null : refusal(), known))
    },
    authorizePublish: (client, packet, done) =>
      done(client !== null && reaches(client, packet.topic) ? null : new Error('not authorized')),
    authorizeSubscribe: (client, subscription, done) =>
      done(null, client !== null && reaches(client, subscription.topic) ? subscription : null),
    authorizeForward: (client, packet) => (reaches(client, packet.topic) ? packet : null),
  })
  const server = createServer(broker.handle)
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    process.stdout.write(`listening on ${typeof address === 'object' ? address?.port : ''}\n`)
  })
}

async function authenticate(
  client: Client,
  user: string,
  password: string,
  done: (known: boolean) => void,
): Promise<void> {
  const account = accounts.get(user)
  const known =
    account !== undefined && (account.clientId ?? client.id) === client.id && (await account.check(user, password))
  if (known) accountOf.set(client, account)
  done(known)
}

const refusal = (): AuthenticateError => Object.assign(new Error('refused'), { returnCode: 4 })

const reaches = (client: Client, topic: string): boolean =>
  !topic.startsWith('$') && topic.startsWith(accountOf.get(client)?.prefix ?? '$')

/** As a device that was verified before costs in Mooring: one HMAC under a key of this process, compared in constant time. */
async function remembered(user: string, secret: string): Promise<SecretCheck> {
  const known = digest(user, secret)
  return (presentedUser, presented) => timingSafeEqual(known, digest(presentedUser, presented))
}

const digest = (user: string, secret: string): Buffer =>
  createHmac('sha256', processKey).update(user).update('\0').update(secret).digest()

/** As a broker that hashes at every CONNECT. */
async function hashed(_user: string, secret: string): Promise<SecretCheck> {
  const known = await hash(secret, ARGON2)
  return (_presentedUser, presented) => verify(known, presented)
}

const readLines = (path: string | undefined): string[][] =>
  readFileSync(path ?? '', 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' '))

await main()
