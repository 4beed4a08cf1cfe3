import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { describe, test, type TestContext } from 'node:test'
import { NodeStream } from '../../broker/byte-stream.ts'
import type { AdmissionLimits } from '../../broker/admission.ts'
import { listenTcp } from '../../broker/listeners.ts'
import { openTcpHandles, TcpStream } from '../../broker/tcp-stream.ts'
import { arrivals, isEmpty, testsOfAnyStream, type Listening, type Way } from './door-support/any-stream.ts'
import { until } from './door-support/connections.ts'
import { fill, type Heard } from './door-support/heard.ts'
import { aSocket, untilClosed } from './door-support/sockets.ts'

/** For a test that waits for what never comes. */
const PATIENCE = { timeout: 20_000 }

/** Streams by one of the two ways; they listen from the start. */
async function aListener(t: TestContext, way: Way, limits: Partial<AdmissionLimits> = {}): Promise<Listening> {
  const { inside, heard, arrived } = arrivals(t, limits)
  const listener = await listenTcp({
    ...inside,
    address: { host: '127.0.0.1', port: 0 },
    ...(way === 'handle' ? { acceptBytes: arrived, handles: await openTcpHandles() } : {}),
  })
  t.after(() => listener.close())
  return { inside, listener, port: listener.address.port, heard }
}

async function aConnection(t: TestContext, way: Way): Promise<Listening & { client: net.Socket; one: Heard }> {
  const listening = await aListener(t, way)
  const client = await aSocket(t, listening.port)
  await until(() => listening.heard.length === 1)
  const one = listening.heard[0] ?? assert.fail()
  assert.equal(one.stream instanceof TcpStream, way === 'handle')
  return { ...listening, client, one }
}

describe('a Node that is not as we know it', PATIENCE, () => {
  const real: unknown = Reflect.get(process, 'binding')
  const wrapOf = (name: string): object =>
    typeof real === 'function' ? Object(Reflect.apply(real, process, [name])) : assert.fail()

  for (const { what, binding } of [
    { what: 'without bindings', binding: undefined },
    { what: 'that forbids them', binding: () => assert.fail('ERR_ACCESS_DENIED') },
    { what: 'whose bindings are empty', binding: () => ({}) },
    {
      what: 'that tells elsewhere how much it has read',
      binding: (name: string) => ({ ...wrapOf(name), kReadBytesOrError: wrapOf(name), kLastWriteWasAsync: 0 }),
    },
    {
      what: 'that tells something else where it told how much it has read',
      binding: (name: string) => ({ ...wrapOf(name), kReadBytesOrError: 4 }),
    },
    {
      what: 'whose listening handles are of another class',
      binding: (name: string) => (name === 'tcp_wrap' ? { TCP: Map } : wrapOf(name)),
    },
  ]) {
    test(`${what} is found out, and its sockets are used`, async (t) => {
      Reflect.set(process, 'binding', binding)
      t.after(() => void Reflect.set(process, 'binding', real))
      assert.equal(await openTcpHandles(), undefined)
      const { heard, port } = await aListener(t, 'handle')
      const client = await aSocket(t, port)
      client.write('hello')
      await until(() => heard[0]?.text === 'hello')
      assert.ok(heard[0]?.stream instanceof NodeStream)
    })
  }

  test('the one that runs this is as we know it', async () => {
    assert.notEqual(await openTcpHandles(), undefined)
  })
})

for (const way of ['handle', 'socket'] as const) {
  describe(`a TCP connection by its ${way}`, PATIENCE, () => {
    test('is not read before it is let in, and nothing of it is lost', async (t) => {
      const { inside, heard, port } = await aListener(t, way)
      inside.busy = true
      const client = await aSocket(t, port)
      client.write('hello')
      await until(() => inside.admission.counters().waiting === 1)
      assert.equal(heard.length, 0)
      inside.busy = false
      await until(() => heard[0]?.text === 'hello')
    })

    test('that says nothing is closed at the deadline', async (t) => {
      const listening = await aListener(t, way, { connectDeadlineMs: 80 })
      await untilClosed(await aSocket(t, listening.port))
      assert.equal(listening.inside.admission.counters().refused.deadline, 1)
      await until(() => isEmpty(listening))
    })

    test('beyond the cap of its address is closed', async (t) => {
      const { inside, port } = await aListener(t, way, { perAddress: 1 })
      const first = await aSocket(t, port)
      await untilClosed(await aSocket(t, port))
      assert.equal(inside.admission.counters().refused['per-address'], 1)
      assert.equal(first.destroyed, false)
    })

    test('carries bytes both ways, in order', async (t) => {
      const { client, one } = await aConnection(t, way)
      client.write('hello')
      await until(() => one.text === 'hello')
      for (const piece of ['a', 'b', 'c']) assert.equal(one.stream.write(Buffer.from(piece)), true)
      one.stream.end(false)
      assert.equal(await untilClosed(client), 'abc')
    })

    test('that ends is gone soon, though its client never reads', async (t) => {
      const { client, one, ...listening } = await aConnection(t, way)
      client.pause()
      fill(one.stream)
      const started = performance.now()
      one.stream.end(true)
      await until(() => isEmpty(listening))
      assert.ok(performance.now() - started < 4_000)
    })

    test('whose client has said its last is heard out and closes', async (t) => {
      const { client, one, ...listening } = await aConnection(t, way)
      client.end('last words')
      await until(() => one.isOver)
      assert.equal(one.text, 'last words')
      // Node has ended a socket by then.
      if (way === 'handle') one.stream.write(Buffer.from('answer'))
      one.stream.end(true)
      assert.equal(await untilClosed(client), way === 'handle' ? 'answer' : '')
      await until(() => isEmpty(listening))
    })

    test('that is reset tells the error and that it is over', async (t) => {
      const { client, one, ...listening } = await aConnection(t, way)
      client.resetAndDestroy()
      await until(() => one.isOver && isEmpty(listening))
      assert.deepEqual(
        one.errors.map(({ message }) => message),
        ['read ECONNRESET'],
      )
      assert.equal(one.stream.isWritable, false)
      one.stream.end(false)
      one.stream.pause()
      one.stream.resume()
    })

    test('that is reset while much waits to be written fails once', async (t) => {
      const { client, one, ...listening } = await aConnection(t, way)
      one.stream.pause()
      client.pause()
      fill(one.stream)
      client.resetAndDestroy()
      await until(() => one.isOver && isEmpty(listening))
      assert.equal(one.errors.length, 1)
    })

    test('outlives it when the listener only stops accepting', async (t) => {
      const { client, one, listener, port } = await aConnection(t, way)
      listener.stopAccepting()
      const [error] = (await once(net.connect(port, '127.0.0.1'), 'error')) as [NodeJS.ErrnoException]
      assert.equal(error.code, 'ECONNREFUSED')
      client.write('still here')
      await until(() => one.text === 'still here')
    })

    testsOfAnyStream((t) => aConnection(t, way))
  })
}
