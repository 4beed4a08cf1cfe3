import assert from 'node:assert/strict'
import type net from 'node:net'
import { describe, test, type TestContext } from 'node:test'
import tls from 'node:tls'
import type { AdmissionLimits } from '../../broker/admission.ts'
import { NodeStream } from '../../broker/byte-stream.ts'
import { listenTls } from '../../broker/listeners.ts'
import { openTcpHandles } from '../../broker/tcp-stream.ts'
import { openTlsHandles, TlsStream } from '../../broker/tls-stream.ts'
import { aCertificate } from '../support/certificate.ts'
import { arrivals, isEmpty, testsOfAnyStream, type Listening, type Way } from './door-support/any-stream.ts'
import { until } from './door-support/connections.ts'
import { fill, type Heard } from './door-support/heard.ts'
import { aSocket, untilClosed } from './door-support/sockets.ts'

/** For a test that waits for what never comes. */
const PATIENCE = { timeout: 20_000 }

/** Streams by one of the two ways; they listen from the start. */
async function aListener(t: TestContext, way: Way, limits: Partial<AdmissionLimits> = {}): Promise<Listening> {
  const { inside, heard, arrived } = arrivals(t, limits)
  const { cert, key } = await aCertificate()
  const listener = await listenTls({
    ...inside,
    address: { host: '127.0.0.1', port: 0 },
    tls: { cert, key },
    ...(way === 'handle' ? { acceptBytes: arrived, tlsHandles: await openTlsHandles(await openTcpHandles()) } : {}),
  })
  t.after(() => listener.close())
  return { inside, listener, port: listener.address.port, heard }
}

async function aClient(t: TestContext, options: tls.ConnectionOptions): Promise<tls.TLSSocket> {
  const { ca } = await aCertificate()
  const client = tls.connect({ host: '127.0.0.1', servername: 'localhost', ca, ...options })
  client.on('error', () => {})
  t.after(() => client.destroy())
  return client
}

interface Connected extends Listening {
  readonly client: tls.TLSSocket
  readonly one: Heard
}

async function aConnection(t: TestContext, way: Way, options: tls.ConnectionOptions = {}): Promise<Connected> {
  const listening = await aListener(t, way)
  const client = await aClient(t, { port: listening.port, ...options })
  await until(() => listening.heard.length === 1)
  const one = listening.heard[0] ?? assert.fail()
  assert.equal(one.stream instanceof TlsStream, way === 'handle')
  return { ...listening, client, one }
}

/** A client on a TCP connection that somebody else can speak and hang up on. */
async function onAWire(t: TestContext, way: Way): Promise<Connected & { wire: net.Socket }> {
  const listening = await aListener(t, way)
  const wire = await aSocket(t, listening.port)
  const client = await aClient(t, { socket: wire })
  client.write('hello')
  await until(() => listening.heard[0]?.text === 'hello')
  return { ...listening, client, wire, one: listening.heard[0] ?? assert.fail() }
}

class AnotherClass {
  useUserBuffer(): void {}
  readStart(): void {}
  readStop(): void {}
  writeBuffer(): void {}
  shutdown(): void {}
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
      what: 'whose handles have other methods',
      binding: (name: string) => (name === 'tls_wrap' ? { TLSWrap: Map } : wrapOf(name)),
    },
    {
      what: 'whose handles are of another class',
      binding: (name: string) => (name === 'tls_wrap' ? { TLSWrap: AnotherClass } : wrapOf(name)),
    },
  ]) {
    test(`${what} is found out, and its sockets are used`, async (t) => {
      const handles = await openTcpHandles()
      Reflect.set(process, 'binding', binding)
      t.after(() => void Reflect.set(process, 'binding', real))
      assert.equal(await openTlsHandles(handles), undefined)
      const { heard, port } = await aListener(t, 'handle')
      const client = await aClient(t, { port })
      client.write('hello')
      await until(() => heard[0]?.text === 'hello')
      assert.ok(heard[0]?.stream instanceof NodeStream)
    })
  }

  test('without TCP handles is not tried', async () => {
    assert.equal(await openTlsHandles(undefined), undefined)
  })

  test('the one that runs this is as we know it', async () => {
    assert.notEqual(await openTlsHandles(await openTcpHandles()), undefined)
  })
})

for (const way of ['handle', 'socket'] as const) {
  describe(`a TLS connection by its ${way}`, PATIENCE, () => {
    test('that never finishes its handshake is closed at the deadline', async (t) => {
      const listening = await aListener(t, way, { connectDeadlineMs: 80 })
      await untilClosed(await aSocket(t, listening.port))
      assert.equal(listening.inside.admission.counters().refused.deadline, 1)
      await until(() => isEmpty(listening))
    })

    test('with a record that does not decrypt fails once and closes', async (t) => {
      const { wire, one, ...listening } = await onAWire(t, way)
      // A record of application data that no key ever made.
      wire.write(Buffer.concat([Buffer.from('1703030010', 'hex'), Buffer.alloc(16, 0x11)]))
      await until(() => one.isOver && isEmpty(listening))
      assert.equal(one.errors.length, 1)
      assert.match(one.errors[0]?.message ?? '', /bad record mac|decryption failed/i)
      assert.ok(listening.inside.log.lines.some((line) => line['event'] === 'connection-failed'))
    })

    test('that is reset tells the error and that it is over', async (t) => {
      const { wire, one, ...listening } = await onAWire(t, way)
      wire.resetAndDestroy()
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
      const { wire, one, ...listening } = await onAWire(t, way)
      one.stream.pause()
      wire.pause()
      fill(one.stream)
      wire.resetAndDestroy()
      await until(() => one.isOver && isEmpty(listening))
      assert.equal(one.errors.length, 1)
    })

    test('whose TCP ends without a goodbye is over', async (t) => {
      const { wire, one, ...listening } = await onAWire(t, way)
      wire.end()
      await until(() => one.isOver)
      one.stream.end(true)
      await until(() => isEmpty(listening))
      assert.equal(one.errors.length, 0)
    })

    test('loses nothing of what comes with the end of its handshake', async (t) => {
      const { heard, port } = await aListener(t, way)
      const client = await aClient(t, { port })
      for (const piece of ['a', 'b', 'c']) client.write(piece)
      await until(() => heard[0]?.text === 'abc')
    })

    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      test(`carries bytes both ways, in order (${version})`, async (t) => {
        const { client, one } = await aConnection(t, way, { minVersion: version, maxVersion: version })
        client.write('hello')
        await until(() => one.text === 'hello')
        assert.equal(client.getProtocol(), version)
        // Several in one turn: the second waits for the first.
        for (const piece of ['a', 'b', 'c']) one.stream.write(Buffer.from(piece))
        one.stream.end(false)
        assert.equal(one.stream.isWritable, false)
        assert.equal(await untilClosed(client), 'abc')
      })
    }

    test('that ends is gone soon, though its client never reads', async (t) => {
      const { client, one, ...listening } = await aConnection(t, way)
      client.pause()
      for (let megabyte = 0; megabyte < 30; megabyte += 1) one.stream.write(Buffer.alloc(1_000_000, 'm'))
      const started = performance.now()
      one.stream.end(true)
      await until(() => isEmpty(listening))
      const passed = performance.now() - started
      assert.ok(passed > 1_000 && passed < 4_000, `${passed} ms`)
    })

    test('whose client has said its last is heard out and closes', async (t) => {
      const { client, one, ...listening } = await aConnection(t, way)
      client.end('last words')
      await until(() => one.isOver)
      assert.equal(one.text, 'last words')
      one.stream.end(true)
      assert.equal(await untilClosed(client), '')
      await until(() => isEmpty(listening))
    })

    test('of TLS 1.2 may renegotiate while it is written to, but not without end', async (t) => {
      const { client, one, ...listening } = await aConnection(t, way, { maxVersion: 'TLSv1.2' })
      client.resume()
      const writing = setInterval(() => {
        for (let n = 0; n < 3; n += 1) if (one.stream.isWritable) one.stream.write(Buffer.alloc(20_000, 'm'))
      }, 1)
      t.after(() => clearInterval(writing))
      const again = (): void => void client.renegotiate({ rejectUnauthorized: true }, (error) => error ?? again())
      again()
      await until(() => one.isOver && isEmpty(listening))
      assert.deepEqual(
        one.errors.map((error: NodeJS.ErrnoException) => error.code),
        ['ERR_TLS_SESSION_ATTACK'],
      )
    })

    testsOfAnyStream((t) => aConnection(t, way))
  })
}
