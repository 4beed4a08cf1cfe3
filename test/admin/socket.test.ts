import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { chmod, mkdir, readdir, rename, stat, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import getRawBody from 'raw-body'
import { AdminError, ADMIN_SOCKET, connectOperator, listenAdmin, type Operator } from '../../admin/index.ts'
import { RegistryError } from '../../registry/index.ts'
import { aFolder } from '../support/folder.ts'
import { memoryLog } from '../support/log.ts'
import { A_DEVICE, A_STATUS, fakeOperator } from './fake-operator.ts'

async function aServer(t: TestContext, parts: { folder?: string; operator?: Operator } = {}) {
  const folder = parts.folder ?? (await aFolder(t))
  const log = memoryLog()
  const server = await listenAdmin({ folder, operator: parts.operator ?? fakeOperator(), log })
  t.after(() => server.close())
  return { folder, log, server, socketPath: join(folder, ADMIN_SOCKET) }
}

async function connected(folder: string, timeouts = {}): Promise<Operator> {
  const operator = await connectOperator(folder, timeouts)
  assert.ok(operator !== undefined)
  return operator
}

async function post(socketPath: string, path: string, body: string, method = 'POST') {
  const sending = request({ socketPath, path, method, agent: false })
  // The server may answer and close before it has read all of the body.
  sending.on('error', () => {})
  sending.end(body)
  const [response] = await once(sending, 'response')
  return { status: response.statusCode, body: JSON.parse(await getRawBody(response, { encoding: 'utf-8' })) }
}

/** A socket file that nobody listens on any more, as a killed server leaves it. */
async function leaveStaleSocket(path: string): Promise<void> {
  const dead = createServer()
  const kept = `${path}.kept`
  dead.listen(kept)
  await once(dead, 'listening')
  await rename(kept, path)
  dead.close()
  await once(dead, 'close')
}

const refused = [
  { name: 'an unknown command', path: '/dropEverything', body: '{}', status: 404, code: 'ERR_COMMAND_UNKNOWN' },
  { name: 'a name of every object', path: '/constructor', body: '{}', status: 404, code: 'ERR_COMMAND_UNKNOWN' },
  { name: 'no command', path: '/', body: '{}', status: 404, code: 'ERR_COMMAND_UNKNOWN' },
  { name: 'GET', path: '/status', body: '', method: 'GET', status: 405, code: 'ERR_METHOD_NOT_ALLOWED' },
  { name: 'no body', path: '/status', body: '', status: 400, code: 'ERR_BODY_INVALID' },
  { name: 'garbage', path: '/status', body: '\u0000\u0001{{{', status: 400, code: 'ERR_BODY_INVALID' },
  { name: 'half a document', path: '/getDevice', body: '{"device":', status: 400, code: 'ERR_BODY_INVALID' },
  { name: 'another shape', path: '/getDevice', body: '[]', status: 400, code: 'ERR_INPUT_INVALID' },
  { name: 'a missing field', path: '/getDevice', body: '{}', status: 400, code: 'ERR_INPUT_INVALID' },
  {
    name: 'a field too many',
    path: '/getDevice',
    body: '{"device":"a","b":1}',
    status: 400,
    code: 'ERR_INPUT_INVALID',
  },
  { name: 'a page of nothing', path: '/listDevices', body: '{"limit":0}', status: 400, code: 'ERR_INPUT_INVALID' },
  { name: 'an endless page', path: '/listDevices', body: '{"limit":1e9}', status: 400, code: 'ERR_INPUT_INVALID' },
  {
    name: 'a huge body',
    path: '/getDevice',
    body: `"${'x'.repeat(2_000_000)}"`,
    status: 413,
    code: 'ERR_BODY_TOO_LARGE',
  },
]
for (const { name, path, body, method, status, code } of refused) {
  test(`the admin socket refuses ${name} and serves the next`, async (t) => {
    const { folder, socketPath } = await aServer(t)
    const answer = await post(socketPath, path, body, method)
    assert.equal(answer.status, status)
    assert.equal(answer.body.error.code, code)
    assert.equal(typeof answer.body.error.message, 'string')
    assert.deepEqual(await (await connected(folder)).status(), A_STATUS)
  })
}

test('bytes that are not HTTP end their connection and nothing else', async (t) => {
  const { folder, socketPath } = await aServer(t)
  const socket = connect(socketPath)
  socket.on('error', () => {})
  socket.write(Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f, 0, 4]))
  socket.resume()
  await once(socket, 'close')
  assert.deepEqual(await (await connected(folder)).status(), A_STATUS)
})

test('a refusal arrives with its code and its message, and without its cause', async (t) => {
  const cause = new Error('for the log only')
  const operator = fakeOperator({
    getDevice: async () => {
      throw new RegistryError('ERR_BUSY', 'Come again.', { cause })
    },
  })
  const { folder } = await aServer(t, { operator })
  const error: unknown = await (await connected(folder)).getDevice({ device: 'x' }).catch((thrown: unknown) => thrown)
  assert.ok(error instanceof RegistryError)
  assert.equal(error.code, 'ERR_BUSY')
  assert.equal(error.message, 'Come again.')
  assert.equal(error.cause, undefined)
})

test('a fault is told to the log and not to the one who asked', async (t) => {
  const operator = fakeOperator({
    status: async () => {
      throw new Error('the disk said no')
    },
  })
  const { folder, log } = await aServer(t, { operator })
  await assert.rejects(
    async () => (await connected(folder)).status(),
    (error: unknown) => error instanceof AdminError && error.reason === 'failed' && !error.message.includes('disk'),
  )
  assert.deepEqual(
    log.lines.map(({ level, event }) => ({ level, event })),
    [{ level: 'error', event: 'admin-fault' }],
  )
})

test('no secret and no token reaches the log', async (t) => {
  const { folder, log } = await aServer(t)
  const operator = await connected(folder)
  await operator.createServiceKey({ name: 'x', rules: {}, secret: 'chosen by a person' })
  await operator.rotateDevice({ device: A_DEVICE.id })
  await operator.verifyToken({ token: 'the.token.itself' })
  const written = JSON.stringify(log.lines)
  assert.doesNotMatch(written, /chosen by a person|bbbb|the\.token\.itself/)
  assert.deepEqual(
    log.lines.map(({ event, command }) => `${event} ${String(command)}`),
    ['operator-command createServiceKey', 'operator-command rotateDevice'],
  )
})

test('every command gives the answer of the operator behind it', async (t) => {
  const { folder } = await aServer(t)
  const remote = await connected(folder)
  const local = fakeOperator()
  const device = { device: 'A1-0001' }
  const asked: ((operator: Operator) => Promise<unknown>)[] = [
    (operator) => operator.createToken({ url: 'u', mqtt: 'm', expiresInSeconds: 60, extra: { line: '3' } }),
    (operator) => operator.listTokens({ limit: 10 }),
    (operator) => operator.getToken({ token: 'tok_0123456789abcdef' }),
    (operator) => operator.limitToken({ token: 'line-3', maxRegistrations: null }),
    (operator) => operator.revokeToken({ token: 'line-3' }),
    (operator) => operator.reopenToken({ token: 'legacy' }),
    (operator) => operator.listSigningKeys(),
    (operator) => operator.rotateSigningKey({ algorithm: 'EdDSA', overlapSeconds: 60 }),
    (operator) => operator.retireSigningKey({ kid: 'shared' }),
    (operator) => operator.verifyToken({ token: 'a.b.c' }),
    (operator) => operator.createServiceKey({ name: 'x', rules: { deny: ['#'] } }),
    (operator) => operator.listServiceKeys({ limit: 10 }),
    (operator) => operator.deleteServiceKey({ key: 'dashboard' }),
    (operator) => operator.listDevices({ limit: 1, after: 'x' }),
    (operator) => operator.getDevice(device),
    (operator) => operator.disableDevice(device),
    (operator) => operator.enableDevice(device),
    (operator) => operator.rotateDevice(device),
    (operator) => operator.quarantineDevice(device),
    (operator) => operator.releaseDevice(device),
    (operator) => operator.disconnectDevice(device),
    (operator) => operator.tagDevice({ ...device, set: [{ key: 'line', value: '3' }] }),
    (operator) => operator.restrictDevice({ ...device, filterType: 'whitelist', subTopics: ['plant/#'] }),
    (operator) => operator.changeDevices({ change: { kind: 'disable' }, devices: { tag: 'line=3' }, limit: 10 }),
    (operator) => operator.readmitDevice({ ...device, forSeconds: 60 }),
    (operator) => operator.readmitDevices({ tag: { key: 'line', value: '3' }, forSeconds: 60 }),
    (operator) => operator.deleteDevice(device),
    (operator) => operator.status(),
  ]
  for (const ask of asked) assert.deepEqual(await ask(remote), await ask(local))
})

test('the socket is for its owner alone, and gone when the server is', async (t) => {
  const { folder, socketPath, server } = await aServer(t)
  assert.equal((await stat(socketPath)).mode & 0o777, 0o600)
  await server.close()
  assert.deepEqual(await readdir(folder), [])
  assert.equal(await connectOperator(folder), undefined)
})

test('nobody listens: no folder, no socket, or the socket of a dead server', async (t) => {
  const folder = await aFolder(t)
  assert.equal(await connectOperator(join(folder, 'missing')), undefined)
  assert.equal(await connectOperator(folder), undefined)
  await leaveStaleSocket(join(folder, ADMIN_SOCKET))
  assert.equal(await connectOperator(folder), undefined)
})

test('a new server takes the place of the socket that a dead one left', async (t) => {
  const folder = await aFolder(t)
  await leaveStaleSocket(join(folder, ADMIN_SOCKET))
  await aServer(t, { folder })
  assert.deepEqual(await (await connected(folder)).status(), A_STATUS)
})

test('a file that is not a socket is left alone, and named', async (t) => {
  const folder = await aFolder(t)
  await writeFile(join(folder, ADMIN_SOCKET), 'somebody else’s')
  await assert.rejects(listenAdmin({ folder, operator: fakeOperator(), log: memoryLog() }), /admin\.sock is in the way/)
  assert.equal((await stat(join(folder, ADMIN_SOCKET))).size > 0, true)
})

test('a data folder may lie deeper than the address of a socket is long', async (t) => {
  const folder = join(await aFolder(t), 'd'.repeat(100), 'e'.repeat(100))
  assert.equal(await connectOperator(folder), undefined)
  await mkdir(folder, { recursive: true })
  const { server, socketPath } = await aServer(t, { folder })
  assert.equal((await stat(socketPath)).mode & 0o777, 0o600)
  assert.deepEqual(await (await connected(folder)).status(), A_STATUS)
  await server.close()
  assert.deepEqual(await readdir(folder), [])
  assert.equal(await connectOperator(folder), undefined)
})

/** Root may open every socket, so it becomes somebody else for a moment. */
async function asAnotherUser<T>(work: () => Promise<T>): Promise<T> {
  const isRoot = process.geteuid?.() === 0
  if (isRoot) process.seteuid?.('nobody')
  try {
    return await work()
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
}

test('the socket of another user is said to be that', async (t) => {
  const { folder, socketPath } = await aServer(t)
  await chmod(socketPath, 0)
  const error: unknown = await asAnotherUser(() => connectOperator(folder)).catch((thrown: unknown) => thrown)
  assert.ok(error instanceof AdminError)
  assert.equal(error.reason, 'denied')
  assert.match(error.message, /run this as the user that runs the server/)
})

test('a server that does not answer is given up in time', async (t) => {
  const folder = await aFolder(t)
  const mute = createServer((socket) => t.after(() => socket.destroy()))
  mute.listen(join(folder, ADMIN_SOCKET))
  await once(mute, 'listening')
  t.after(() => mute.close())
  const operator = await connected(folder, { answerMs: 50 })
  await assert.rejects(
    operator.status(),
    (error: unknown) =>
      error instanceof AdminError && error.reason === 'unreachable' && error.message.includes('did not answer in time'),
  )
})

for (const [what, answer] of [
  ['something else that listens', 'not HTTP at all\r\n\r\n'],
  ['an answer that is not JSON', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n<p>'],
  ['an answer that breaks off', 'HTTP/1.1 200 OK\r\nContent-Length: 300\r\nConnection: close\r\n\r\n{'],
] as const) {
  test(`${what} is said to be out of reach`, async (t) => {
    const folder = await aFolder(t)
    const other = createServer((socket) => {
      socket.on('error', () => {})
      socket.end(answer)
    })
    other.listen(join(folder, ADMIN_SOCKET))
    await once(other, 'listening')
    t.after(() => other.close())
    await assert.rejects(
      (await connected(folder)).status(),
      (error: unknown) => error instanceof AdminError && error.reason === 'unreachable',
    )
  })
}

test('a command under way when the server closes still gets its answer', async (t) => {
  const work = new EventEmitter()
  const operator = fakeOperator({
    status: async () => {
      const mayEnd = once(work, 'end')
      work.emit('begin')
      await mayEnd
      return A_STATUS
    },
  })
  const { folder, server } = await aServer(t, { operator })
  const begun = once(work, 'begin')
  const answer = (await connected(folder)).status()
  await begun
  const closed = server.close()
  work.emit('end')
  assert.deepEqual(await answer, A_STATUS)
  await closed
})
