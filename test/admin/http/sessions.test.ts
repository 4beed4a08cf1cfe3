import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anAdminDoor, PASSWORD, type AdminDoor, type Answer } from './support.ts'

const logIn = (door: AdminDoor, name: string, password: string, headers = {}): Promise<Answer> =>
  door.ask('/login', { body: { name, password }, headers })

const cookieOf = (answer: Answer): { cookie: string } => ({
  cookie: (answer.headers.get('set-cookie') ?? '').split(';', 1)[0] ?? '',
})

test('an unknown name and a wrong password are answered alike, and no cookie comes with it', async (t) => {
  const door = await anAdminDoor(t)
  await door.registry.accounts.create({ name: 'ops', password: PASSWORD, role: 'viewer' })
  const wrong = await logIn(door, 'ops', 'another password')
  const unknown = await logIn(door, 'nobody', PASSWORD)
  for (const answer of [wrong, unknown]) {
    assert.equal(answer.status, 401)
    assert.equal(answer.body['type'], 'urn:mooring:problem:login-refused')
    assert.equal(answer.headers.get('set-cookie'), null)
  }
  assert.equal(wrong.text, unknown.text)
})

test('guessing is slowed for one name from one address, however many guesses come at once', async (t) => {
  const door = await anAdminDoor(t)
  await door.registry.accounts.create({ name: 'ops', password: PASSWORD, role: 'viewer' })
  const guesses = Array.from({ length: 30 }, (_, index) => logIn(door, 'ops', `wrong password ${index}`))
  const statuses = (await Promise.all(guesses)).map(({ status }) => status)
  assert.equal(statuses.filter((status) => status === 401).length, 10)
  assert.equal(statuses.filter((status) => status === 429).length, 20)
  const right = await logIn(door, 'ops', PASSWORD)
  assert.equal(right.status, 429)
  assert.ok(Number(right.headers.get('retry-after')) > 500)
  await door.registry.accounts.create({ name: 'other', password: PASSWORD, role: 'viewer' })
  assert.equal((await logIn(door, 'other', PASSWORD)).status, 200)
})

test('many names from one address are slowed too', async (t) => {
  const door = await anAdminDoor(t)
  const statuses = []
  for (let index = 0; index < 52; index++) statuses.push((await logIn(door, `name-${index}`, 'x')).status)
  assert.deepEqual(statuses.slice(49), [401, 429, 429])
})

test('right passwords are no guesses', async (t) => {
  const door = await anAdminDoor(t)
  await door.registry.accounts.create({ name: 'ops', password: PASSWORD, role: 'viewer' })
  for (let index = 0; index < 15; index++) assert.equal((await logIn(door, 'ops', PASSWORD)).status, 200)
})

const foreign = [
  { 'sec-fetch-site': 'cross-site' },
  // Another port of the same host is the same site.
  { 'sec-fetch-site': 'same-site' },
  { origin: 'http://127.0.0.1:1' },
  { origin: 'null' },
  { origin: 'https://evil.example' },
]
test('a page of another origin can neither log in, nor set up, nor use a cookie', async (t) => {
  const door = await anAdminDoor(t)
  const session = await door.session('admin')
  for (const headers of foreign) {
    const tries = [
      await logIn(door, 'ops', PASSWORD, headers),
      await door.ask('/setup', { body: { code: 'x', name: 'x', password: 'x' }, headers }),
      await door.ask('/devices', { headers: { ...session, ...headers } }),
      await door.ask('/accounts/x', { method: 'DELETE', headers: { ...session, ...headers } }),
    ]
    for (const { status, body } of tries) {
      assert.equal(status, 403)
      assert.equal(body['type'], 'urn:mooring:problem:cross-site')
    }
  }
})

test('the own page and programs are not foreign; nor is anybody with an API token', async (t) => {
  const door = await anAdminDoor(t)
  const session = await door.session('viewer')
  const own = [{ 'sec-fetch-site': 'same-origin', origin: door.baseUrl }, { 'sec-fetch-site': 'none' }, {}]
  for (const headers of own) {
    assert.equal((await door.ask('/status', { headers: { ...session, ...headers } })).status, 200)
  }
  const token = await door.apiToken('viewer')
  assert.equal((await door.ask('/status', { headers: { ...token, ...foreign[4] } })).status, 200)
})

test('a session begins with a cookie that scripts and other sites cannot use, and ends with it', async (t) => {
  const door = await anAdminDoor(t)
  await door.registry.accounts.create({ name: 'ops', password: PASSWORD, role: 'operator' })
  const answer = await logIn(door, 'ops', PASSWORD)
  assert.equal(answer.status, 200)
  assert.deepEqual(answer.body, { kind: 'account', name: 'ops', role: 'operator', scopes: ['*'] })
  const set = answer.headers.get('set-cookie') ?? ''
  assert.match(set, /^mooring=[\w-]{43}; path=\/; samesite=strict; httponly$/)
  const headers = cookieOf(answer)
  const { expiresAt, ...me } = (await door.ask('/me', { headers })).body
  assert.deepEqual(me, { kind: 'account', name: 'ops', role: 'operator', scopes: ['*'] })
  assert.ok(Date.parse(String(expiresAt)) > Date.now())
  const out = await door.ask('/logout', { method: 'POST', headers })
  assert.equal(out.status, 204)
  assert.match(out.headers.get('set-cookie') ?? '', /^mooring=; .*1970/)
  assert.equal((await door.ask('/me', { headers })).status, 401)
})

test('a session ends with its account, its role, its password, and by itself', async (t) => {
  let now = new Date()
  const door = await anAdminDoor(t, { now: () => now })
  const { accounts } = door.registry
  await door.session('admin')
  const ends: (() => Promise<unknown>)[] = [
    () => accounts.setRole('ops', 'operator'),
    () => accounts.setPassword('ops', 'another password'),
    async () => (now = new Date(now.getTime() + 12 * 3_600_000)),
    () => accounts.remove('ops'),
  ]
  await accounts.create({ name: 'ops', password: PASSWORD, role: 'viewer' })
  for (const end of ends) {
    const headers = { cookie: `mooring=${(await accounts.sessions.begin('ops', '')).reveal()}` }
    assert.equal((await door.ask('/me', { headers })).status, 200)
    await end()
    assert.equal((await door.ask('/me', { headers })).status, 401)
  }
})

test('to change one’s own password takes the one before, and ends the other sessions', async (t) => {
  const door = await anAdminDoor(t)
  await door.registry.accounts.create({ name: 'ops', password: PASSWORD, role: 'viewer' })
  const mine = cookieOf(await logIn(door, 'ops', PASSWORD))
  const other = cookieOf(await logIn(door, 'ops', PASSWORD))
  const change = (current: string, password: string, headers: Record<string, string> = mine) =>
    door.ask('/me/password', { body: { current, password }, headers })
  assert.equal((await change('wrong', 'a new good password')).status, 401)
  assert.equal((await change(PASSWORD, 'short')).status, 400)
  assert.equal((await change(PASSWORD, 'x', await door.apiToken('admin'))).status, 403)
  assert.equal((await change(PASSWORD, 'a new good password')).status, 204)
  assert.equal((await door.ask('/me', { headers: mine })).status, 200)
  assert.equal((await door.ask('/me', { headers: other })).status, 401)
  assert.equal((await logIn(door, 'ops', 'a new good password')).status, 200)
})

test('a setup code is good once, within the hour, and for the last one made', async (t) => {
  let now = new Date()
  const door = await anAdminDoor(t, { now: () => now })
  const { setupCode } = door.registry.accounts
  const setUp = (code: string, name = 'ops', password = PASSWORD) =>
    door.ask('/setup', { body: { code, name, password } })
  assert.equal((await setUp('AAAA-AAAA')).status, 401)
  const replaced = setupCode.make().code.reveal()
  const late = setupCode.make().code.reveal()
  assert.equal((await setUp(replaced)).status, 401)
  now = new Date(now.getTime() + 3_600_000)
  assert.equal((await setUp(late)).status, 401)
  const code = setupCode.make().code.reveal()
  assert.match(code, /^[A-Z2-9]{4}-[A-Z2-9]{4}$/)
  assert.deepEqual((await door.ask('/setup')).body, { needed: true, open: true })
  assert.equal((await setUp(code, 'ops', 'short')).status, 400)
  const done = await setUp(` ${code.toLowerCase().replace('-', '')} `)
  assert.equal(done.status, 200)
  assert.equal((await door.ask('/me', { headers: cookieOf(done) })).body['role'], 'admin')
  assert.deepEqual((await door.ask('/setup')).body, { needed: false, open: false })
  assert.equal((await setUp(code, 'second')).status, 401)
})

test('fifty who use one setup code at once become one account', async (t) => {
  const door = await anAdminDoor(t)
  const { accounts } = door.registry
  const code = accounts.setupCode.make().code.reveal()
  const tries = Array.from({ length: 50 }, (_, index) =>
    accounts.setUp({ code, name: `a${index}`, password: PASSWORD }).then(
      () => 'made',
      () => 'refused',
    ),
  )
  assert.equal((await Promise.all(tries)).filter((one) => one === 'made').length, 1)
  assert.equal(accounts.list().length, 1)
})

test('no password, cookie, token or code reaches the log', async (t) => {
  const door = await anAdminDoor(t)
  const { accounts } = door.registry
  const code = accounts.setupCode.make().code.reveal()
  await door.ask('/setup', { body: { code, name: 'ops', password: PASSWORD } })
  const token = await door.apiToken('viewer')
  const session = cookieOf(await logIn(door, 'ops', PASSWORD))
  await logIn(door, 'ops', `${PASSWORD} wrong`)
  for (const headers of [token, session]) await door.ask('/accounts/nobody', { method: 'DELETE', headers })
  const written = JSON.stringify(door.log.lines)
  assert.ok(door.log.lines.length > 2)
  for (const secret of [PASSWORD, code, token['authorization'], session.cookie]) {
    assert.ok(!written.includes(String(secret).replace(/^(Bearer |mooring=)/, '')))
  }
})
