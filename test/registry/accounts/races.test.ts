import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { Credentials } from '../../../registry/credentials.ts'
import { HashGate } from '../../../registry/hash-gate.ts'
import { Secret, type Registry } from '../../../registry/index.ts'
import type { WriteOperation } from '../../../storage/index.ts'
import { aRegistry, memoryDatabase } from '../../support/registry.ts'

const PASSWORD = 'correct horse battery'
const LATER_MS = 10 * 60 * 1000

/** Tells when a password was checked. */
class ObservedCredentials extends Credentials {
  readonly events = new EventEmitter()

  constructor() {
    super(new HashGate(2, 100))
  }

  override async verifyChosen(...question: Parameters<Credentials['verifyChosen']>): Promise<boolean> {
    const isRight = await super.verifyChosen(...question)
    this.events.emit('checked')
    return isRight
  }
}

/** A registry whose writes wait while the gate is shut, and which can be opened anew as a restart would. */
async function aSlowStore(t: TestContext) {
  const database = memoryDatabase()
  const events = new EventEmitter()
  const credentials = new ObservedCredentials()
  let isShut = false
  let now = new Date('2026-01-01T00:00:00Z')
  const writer = {
    write: async (operations: readonly WriteOperation[]) => {
      if (isShut) {
        events.emit('held')
        await once(events, 'open')
      }
      await database.writer.write(operations)
    },
  }
  const { accounts } = await aRegistry(t, { database: { ...database, writer }, credentials, now: () => now })
  await accounts.create({ name: 'ops', password: PASSWORD, role: 'admin' })
  return {
    accounts,
    checked: () => once(credentials.events, 'checked'),
    later: () => void (now = new Date(now.getTime() + LATER_MS)),
    shut: () => void (isShut = true),
    held: () => once(events, 'held'),
    open: () => {
      isShut = false
      events.emit('open')
    },
    restarted: async (): Promise<Registry['accounts']> =>
      (await aRegistry(t, { database, credentials, now: () => now })).accounts,
  }
}

test('an API token that is used while it is revoked stays revoked, after a restart too', async (t) => {
  const { accounts, shut, held, open, restarted } = await aSlowStore(t)
  const { token } = await accounts.apiTokens.create({ name: 'ci', role: 'viewer', scopes: ['*'] })
  shut()
  const isHeld = held()
  const revoked = accounts.apiTokens.revoke('ci')
  await isHeld
  const used = accounts.apiTokens.used('ci')
  open()
  await Promise.all([revoked, used])
  assert.equal(accounts.apiTokens.find(token.reveal()), undefined)
  assert.equal((await restarted()).apiTokens.find(token.reveal()), undefined)
})

test('a session that is used while it ends has ended, after a restart too', async (t) => {
  const { accounts, later, shut, held, open, restarted } = await aSlowStore(t)
  const { token } = await accounts.logIn({ name: 'ops', password: new Secret(PASSWORD), address: '10.0.0.1' })
  const session = token.reveal()
  later()
  shut()
  const isHeld = held()
  const ended = accounts.sessions.end(session)
  await isHeld
  const seen = accounts.sessions.seen(session)
  open()
  await Promise.all([ended, seen])
  assert.equal(accounts.sessions.find(session), undefined)
  assert.equal((await restarted()).sessions.find(session), undefined)
})

test('whoever logs in with a password while it is changed has no session afterwards', async (t) => {
  const { accounts, checked, shut, held, open } = await aSlowStore(t)
  shut()
  const isHeld = held()
  const changed = accounts.setPassword('ops', 'another horse battery')
  await isHeld
  const isChecked = checked()
  const login = accounts.logIn({ name: 'ops', password: new Secret(PASSWORD), address: '10.0.0.1' }).then(
    ({ token }) => accounts.sessions.find(token.reveal()),
    () => undefined,
  )
  await isChecked
  await new Promise(setImmediate)
  open()
  await changed
  assert.equal(await login, undefined)
})

test('an API token of one name is made once, however many ask at the same time', async (t) => {
  const { accounts } = await aSlowStore(t)
  const request = { name: 'ci', role: 'viewer', scopes: ['*'] } as const
  const made = await Promise.allSettled(Array.from({ length: 10 }, () => accounts.apiTokens.create(request)))
  assert.equal(made.filter(({ status }) => status === 'fulfilled').length, 1)
})
