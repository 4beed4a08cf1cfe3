import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import { describe, test, type TestContext } from 'node:test'
import tls from 'node:tls'
import { generate } from 'selfsigned'
import { listenTcp, listenTls, type Listener, type TlsListener } from '../../broker/listeners.ts'
import type { AdmissionLimits } from '../../broker/admission.ts'
import type { Accept } from '../../broker/peer.ts'
import { aCertificate } from '../support/certificate.ts'
import { until } from './door-support/connections.ts'
import { anInside, aSocket, echo, untilClosed, type Inside } from './door-support/sockets.ts'

/** For a test that waits for what never comes. */
const PATIENCE = { timeout: 20_000 }

const LOOPBACK = { host: '127.0.0.1', port: 0 }

async function aTcpListener(
  t: TestContext,
  limits: Partial<AdmissionLimits> = {},
  accept?: Accept,
): Promise<{ inside: Inside; listener: Listener; port: number }> {
  const inside = anInside(t, limits, accept)
  const listener = await listenTcp({ ...inside, address: LOOPBACK })
  t.after(() => listener.close())
  return { inside, listener, port: listener.address.port }
}

async function aTlsListener(
  t: TestContext,
  limits: Partial<AdmissionLimits> = {},
): Promise<{ inside: Inside; listener: TlsListener; port: number; ca: string }> {
  const inside = anInside(t, limits)
  const { cert, key, ca } = await aCertificate()
  const listener = await listenTls({ ...inside, address: LOOPBACK, tls: { cert, key } })
  t.after(() => listener.close())
  return { inside, listener, port: listener.address.port, ca }
}

function aTlsSocket(t: TestContext, options: tls.ConnectionOptions): tls.TLSSocket {
  const socket = tls.connect({ host: '127.0.0.1', servername: 'localhost', ...options })
  socket.on('error', () => {})
  t.after(() => socket.destroy())
  return socket
}

/** A wire to the server that lets somebody else speak on it. */
async function aWire(t: TestContext, port: number): Promise<{ port: number; inject(bytes: Buffer): void }> {
  const upstream = await aSocket(t, port)
  const server = net.createServer((socket) => {
    socket.on('error', () => {})
    t.after(() => socket.destroy())
    // The end of the client is kept from the server, which has to end the connection by itself.
    socket.pipe(upstream, { end: false }).pipe(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => void server.close())
  return { port: (server.address() as net.AddressInfo).port, inject: (bytes) => void upstream.write(bytes) }
}

describe('an address that cannot be had', PATIENCE, () => {
  test('that is taken is an error that names the listener, the address, the setting and what to do', async (t) => {
    const { inside, port } = await aTcpListener(t)
    const address = { host: '127.0.0.1', port }
    await assert.rejects(listenTcp({ ...inside, address }), (error: Error) => {
      assert.match(error.message, new RegExp(`^Cannot listen for MQTT on 127\\.0\\.0\\.1:${port}: the port is taken`))
      assert.match(error.message, /EADDRINUSE/)
      assert.match(error.message, /set listen\.mqtt \(MOORING_LISTEN_MQTT\) to another host:port, or to off/)
      assert.match(error.message, new RegExp(`ss -ltnp 'sport = :${port}'`))
      assert.ok(error.cause instanceof Error)
      return true
    })
    const { cert, key } = await aCertificate()
    await assert.rejects(
      listenTls({ ...inside, address, tls: { cert, key } }),
      /MQTT over TLS .* listen\.mqtts \(MOORING_LISTEN_MQTTS\)/,
    )
  })

  for (const { host, expected } of [
    { host: '192.0.2.1', expected: /no such address \(EADDRNOTAVAIL\).*listen\.mqtt / },
    { host: 'no-such-host.invalid', expected: /the host name is not known \((ENOTFOUND|EAI_AGAIN)\).*listen\.mqtt / },
  ]) {
    test(`${host} is an error that says so`, async (t) => {
      const inside = anInside(t)
      await assert.rejects(listenTcp({ ...inside, address: { host, port: 0 } }), expected)
    })
  }

  test('an unusable certificate is an error that names the settings', async (t) => {
    const inside = anInside(t)
    const { cert } = await aCertificate()
    for (const credentials of [
      { cert, key: 'no key' },
      { cert: 'no certificate', key: 'no key' },
      { cert, key: (await generate([{ name: 'commonName', value: 'another' }], { keyType: 'ec' })).private },
    ]) {
      await assert.rejects(
        listenTls({ ...inside, address: LOOPBACK, tls: credentials }),
        /MOORING_TLS_CERT.*MOORING_TLS_KEY/,
      )
    }
  })
})

describe('tcp', PATIENCE, () => {
  test('a connection that says nothing is closed at the deadline', async (t) => {
    const { inside, port } = await aTcpListener(t, { connectDeadlineMs: 80 })
    const socket = await aSocket(t, port)
    await untilClosed(socket)
    assert.equal(inside.admission.counters().refused.deadline, 1)
    await until(() => inside.admission.counters().addresses === 0)
  })

  test('bytes that keep coming do not move the deadline', async (t) => {
    const { inside, port } = await aTcpListener(t, { connectDeadlineMs: 200 }, (stream) => stream.resume())
    const socket = await aSocket(t, port)
    const dripping = setInterval(() => socket.write('x'), 20)
    t.after(() => clearInterval(dripping))
    const started = performance.now()
    await untilClosed(socket)
    assert.ok(performance.now() - started < 1_000)
    assert.equal(inside.admission.counters().refused.deadline, 1)
  })

  test('nothing is read from a connection that waits, and nothing of it is lost', async (t) => {
    const readBefore: unknown[] = []
    const { inside, port } = await aTcpListener(t, {}, (stream, peer) => {
      readBefore.push(stream instanceof net.Socket && stream.bytesRead)
      echo(stream, peer)
    })
    inside.busy = true
    const socket = await aSocket(t, port)
    socket.write('hello')
    await until(() => inside.admission.counters().waiting === 1)
    const another = await aSocket(t, port)
    another.write('hello')
    await until(() => inside.admission.counters().waiting === 2)
    assert.equal(inside.accepted.length, 0)
    inside.busy = false
    const [echoed] = (await once(socket, 'data')) as [Buffer]
    assert.equal(echoed.toString(), 'hello')
    assert.equal(readBefore[0], 0)
    assert.equal(inside.accepted[0]?.peer.address, '127.0.0.1')
    assert.equal(inside.accepted[0]?.peer.transport, 'tcp')
  })

  for (const { how, read } of [
    { how: 'resume', read: (stream: Duplex) => stream.resume() },
    { how: 'readable', read: (stream: Duplex) => stream.on('readable', () => stream.read()) },
  ]) {
    test(`a stream is handed over paused, and "${how}" starts it`, async (t) => {
      const { inside, port } = await aTcpListener(t, {}, () => {})
      const socket = await aSocket(t, port)
      socket.write('hello')
      await until(() => inside.accepted.length === 1)
      const { stream } = inside.accepted[0] ?? assert.fail()
      assert.equal(stream.isPaused(), true)
      const heard = once(stream, 'data')
      read(stream)
      assert.equal(String((await heard)[0]), 'hello')
    })
  }

  test('a storm of connections is served whole', async (t) => {
    const limits = { connections: 600, notLoggedIn: 50, perAddress: 600, waitingRoom: 600 }
    const { inside, port } = await aTcpListener(t, limits, (stream, { ticket }) => {
      stream.once('data', (chunk: Buffer) => {
        ticket.connectRead()
        setImmediate(() => {
          ticket.loggedIn()
          stream.write(chunk)
        })
      })
      stream.resume()
    })
    const answers = Array.from({ length: 500 }, async () => {
      const socket = await aSocket(t, port)
      socket.write('x')
      await once(socket, 'data')
    })
    await Promise.all(answers)
    const { connections, notLoggedIn, waiting } = inside.admission.counters()
    assert.deepEqual({ connections, notLoggedIn, waiting }, { connections: 500, notLoggedIn: 0, waiting: 0 })
  })

  test('a device gets in within seconds while silent connections hold every place before login', async (t) => {
    const { inside, port } = await aTcpListener(t, { notLoggedIn: 10 })
    await Promise.all(Array.from({ length: 15 }, () => aSocket(t, port)))
    const device = await aSocket(t, port)
    device.write('hello')
    const [echoed] = (await once(device, 'data')) as [Buffer]
    assert.equal(echoed.toString(), 'hello')
    assert.ok(inside.admission.counters().refused.silent > 0)
  })

  test('stops accepting without ending what is connected; closing ends that too, and the books are empty', async (t) => {
    const { inside, listener, port } = await aTcpListener(t)
    const socket = await aSocket(t, port)
    await until(() => inside.accepted.length === 1)
    listener.stopAccepting()
    const refused = net.connect(port, '127.0.0.1')
    const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException]
    assert.equal(error.code, 'ECONNREFUSED')
    socket.write('still here')
    assert.equal(String((await once(socket, 'data'))[0]), 'still here')
    const closed = untilClosed(socket)
    await listener.close()
    await closed
    const { refused: _, ...counters } = inside.admission.counters()
    assert.deepEqual(counters, { connections: 0, notLoggedIn: 0, waiting: 0, addresses: 0 })
  })
})

describe('tls', PATIENCE, () => {
  test('a handshake that never ends is closed at the deadline and never handed over', async (t) => {
    const { inside, port } = await aTlsListener(t, { connectDeadlineMs: 80 })
    const mute = await aSocket(t, port)
    const begun = await aSocket(t, port)
    begun.write(Buffer.from('16030100c8010000c403', 'hex'))
    await Promise.all([untilClosed(mute), untilClosed(begun)])
    assert.equal(inside.accepted.length, 0)
    assert.equal(inside.admission.counters().refused.deadline, 2)
    await until(() => inside.admission.counters().addresses === 0)
  })

  test('a handshake counts under the cap on those not logged in', async (t) => {
    const { inside, port } = await aTlsListener(t, { notLoggedIn: 3 })
    await Promise.all(Array.from({ length: 6 }, () => aSocket(t, port)))
    await until(() => inside.admission.counters().waiting === 3)
    assert.equal(inside.admission.counters().notLoggedIn, 3)
  })

  for (const { what, bytes } of [
    { what: 'HTTP', bytes: Buffer.from('GET / HTTP/1.1\r\n\r\n') },
    { what: 'plain MQTT', bytes: Buffer.from('101000044d5154540402003c000464657631', 'hex') },
    { what: 'noise', bytes: Buffer.alloc(600, 0xa5) },
  ]) {
    test(`${what} on the TLS port closes that connection and no other`, async (t) => {
      const { inside, port, ca } = await aTlsListener(t)
      const socket = await aSocket(t, port)
      socket.write(bytes)
      await untilClosed(socket)
      const device = aTlsSocket(t, { port, ca })
      device.write('hello')
      assert.equal(String((await once(device, 'data'))[0]), 'hello')
      assert.equal(inside.accepted.length, 1)
    })
  }

  test('TLS 1.1 is refused', async (t) => {
    const { inside, port, ca } = await aTlsListener(t)
    const options = { port, ca, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const
    const old = aTlsSocket(t, options)
    await new Promise((resolve) => old.once('close', resolve))
    assert.equal(inside.accepted.length, 0)
  })

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`${version} carries bytes both ways`, async (t) => {
      const { inside, port, ca } = await aTlsListener(t)
      const device = aTlsSocket(t, { port, ca, minVersion: version, maxVersion: version })
      device.write('hello')
      assert.equal(String((await once(device, 'data'))[0]), 'hello')
      assert.equal(device.authorized, true)
      assert.equal(inside.accepted[0]?.peer.transport, 'tls')
      assert.equal(inside.accepted[0]?.peer.address, '127.0.0.1')
      device.end()
      await until(() => inside.admission.counters().addresses === 0)
    })
  }

  test('a record that does not decrypt closes the connection', async (t) => {
    const { inside, port, ca } = await aTlsListener(t)
    const wire = await aWire(t, port)
    const device = aTlsSocket(t, { port: wire.port, ca })
    device.write('hello')
    await once(device, 'data')
    // A record of application data that no key ever made.
    wire.inject(Buffer.concat([Buffer.from('1703030010', 'hex'), Buffer.alloc(16, 0x11)]))
    await until(() => inside.admission.counters().addresses === 0)
    assert.equal(inside.accepted[0]?.stream.destroyed, true)
  })

  test('a renewed certificate is shown to new connections, and old ones stay', async (t) => {
    const { listener, port, ca } = await aTlsListener(t)
    const before = aTlsSocket(t, { port, ca })
    await once(before, 'secureConnect')
    const renewed = await generate([{ name: 'commonName', value: 'renewed' }], { keyType: 'ec' })
    assert.throws(() => listener.setCertificate({ cert: renewed.cert, key: 'no key' }), /MOORING_TLS_KEY/)
    listener.setCertificate({ cert: renewed.cert, key: renewed.private })
    const after = aTlsSocket(t, { port, rejectUnauthorized: false })
    await once(after, 'secureConnect')
    assert.equal(after.getPeerCertificate().subject.CN, 'renewed')
    before.write('still here')
    assert.equal(String((await once(before, 'data'))[0]), 'still here')
  })

  test('a device that returns resumes its session instead of paying for a whole handshake', async (t) => {
    const { port, ca } = await aTlsListener(t)
    const first = aTlsSocket(t, { port, ca })
    first.write('hello')
    const [session] = (await once(first, 'session')) as [Buffer]
    const second = aTlsSocket(t, { port, ca, session })
    await once(second, 'secureConnect')
    assert.equal(second.isSessionReused(), true)
  })
})
