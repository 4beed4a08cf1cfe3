import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test, type TestContext } from 'node:test'
import { generate } from 'mqtt-packet'
import { WebSocket } from 'ws'
import type { AdmissionLimits } from '../../broker/admission.ts'
import { listenTcp } from '../../broker/listeners.ts'
import { eventually, inTime } from '../conformance/support/in-time.ts'
import { anInside, aSocket, aWebSocketServer } from './door-support/sockets.ts'
import { aBroker, type TestBroker } from './support/broker.ts'
import { asDevice, asService, connectPacket, publishPacket, WireClient } from './support/wire.ts'

/** The broker behind its own listener, on real sockets: what strangers can cost it, and what frames it sends. */

const LONG = process.env['MOORING_LONG_TESTS'] === '1'
const MB = 1024 * 1024

async function listening(t: TestContext, broker: TestBroker, limits: Partial<AdmissionLimits> = {}) {
  const inside = anInside(t, limits, broker.accept)
  const listener = await listenTcp({ ...inside, address: { host: '127.0.0.1', port: 0 } })
  t.after(() => listener.close())
  return { port: listener.address.port, admission: inside.admission }
}

async function client(t: TestContext, port: number): Promise<WireClient> {
  return new WireClient(await aSocket(t, port))
}

/** Where what is read goes, in this process; the socket's own buffers are the kernel's. */
const bufferedBytes = (): number => {
  const { arrayBuffers, external } = process.memoryUsage()
  return Math.max(arrayBuffers, external)
}

const CHUNK = Buffer.alloc(65_536, 'x')

/** What a socket says first. All of them go on for as long as anything is taken from them. */
const attacks = [
  { name: 'a CONNECT of 256 MB', begin: Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f]) },
  { name: 'a PUBLISH of 256 MB', begin: Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]) },
  {
    name: 'a whole CONNECT that is not answered yet, with 256 MB behind it',
    begin: generate(connectPacket(asDevice(1))),
  },
]

for (const { name, begin } of attacks) {
  test(`four sockets that nobody knows, each announcing ${name}, cost less than 2 MB`, async (t) => {
    const broker = await aBroker(t, { authenticate: () => new Promise(() => {}) })
    const { port } = await listening(t, broker)
    const sockets = await Promise.all([1, 2, 3, 4].map(() => aSocket(t, port)))
    const before = bufferedBytes()
    let most = 0
    for (const socket of sockets) {
      // The same bytes again and again, so that the sender's end costs nothing.
      const more = (): void => {
        while (!socket.destroyed && socket.write(CHUNK));
      }
      socket.on('drain', more)
      socket.write(begin)
      more()
    }
    const until = Date.now() + 500
    await eventually('', () => {
      most = Math.max(most, bufferedBytes() - before)
      return Date.now() > until
    })
    assert.ok(most < 2 * MB, `${(most / MB).toFixed(1)} MB`)
  })
}

test('a hundred clients that announce the largest message and send none of it cost less than 2 MB', async (t) => {
  const broker = await aBroker(t)
  const { port } = await listening(t, broker, { perAddress: 200, connections: 200 })
  const clients = await Promise.all(Array.from({ length: 100 }, () => client(t, port)))
  for (const [n, one] of clients.entries()) await one.login(asDevice(n))
  const before = bufferedBytes()
  // PUBLISH, 262,140 bytes behind the fixed header.
  for (const one of clients) one.write(Buffer.from([0x30, 0xfc, 0xff, 0x0f, 0, 1]))
  const other = await client(t, port)
  await other.login(asDevice(200))
  await other.ping()
  const cost = bufferedBytes() - before
  assert.ok(cost < 2 * MB, `${(cost / MB).toFixed(1)} MB`)
  assert.equal(broker.connectedClients(), 101)
})

const HALF_OPEN = LONG
  ? { sockets: 3_000, connectDeadlineMs: 10_000, notLoggedIn: 1_000, allClosedMs: 35_000 }
  : { sockets: 150, connectDeadlineMs: 2_500, notLoggedIn: 100, allClosedMs: 10_000 }

test(`${HALF_OPEN.sockets} half-open connections are closed in time, and a device logs in within two seconds meanwhile`, async (t) => {
  const { sockets: count, connectDeadlineMs, notLoggedIn, allClosedMs } = HALF_OPEN
  const broker = await aBroker(t)
  const { port, admission } = await listening(t, broker, {
    connections: 10_000,
    perAddress: 5_000,
    waitingRoom: 10_000,
    connectDeadlineMs,
    notLoggedIn,
  })
  const connect = generate(connectPacket(asDevice(2)))
  let open = 0
  const begun = performance.now()
  for (let n = 0; n < count; n++) {
    const socket = net.connect(port, '127.0.0.1')
    t.after(() => socket.destroy())
    open += 1
    socket.on('error', () => {})
    socket.once('close', () => (open -= 1))
    socket.resume()
    await once(socket, 'connect')
    // One says nothing, one begins a CONNECT, one goes on with it so slowly that it never ends.
    if (n % 3 !== 0) socket.write(connect.subarray(0, 5 + (n % 20)))
    if (n % 3 === 2) {
      const drip = setInterval(() => socket.write('x'), 500)
      socket.once('close', () => clearInterval(drip))
    }
  }
  const arrived = performance.now()
  const device = await client(t, port)
  const connack = await inTime(device.login(asDevice(1)), 'the device does not get in')
  const tookMs = performance.now() - arrived
  assert.equal(connack['returnCode'], 0)
  assert.ok(tookMs < 2_000, `the login took ${Math.round(tookMs)} ms`)

  await eventually(
    () => `${open} are still open`,
    () => open === 0,
    allClosedMs,
  )
  assert.ok(performance.now() - begun < allClosedMs + connectDeadlineMs)
  await inTime(device.ping(), 'the device is not served')
  assert.equal(admission.counters().connections, 1)
})

test('over WebSocket a message of QoS 1 costs its publisher and its subscriber one frame each', async (t) => {
  const broker = await aBroker(t)
  broker.registry.addService('publisher')
  broker.registry.addService('subscriber')
  const { url } = await aWebSocketServer(t, anInside(t), { acceptBytes: broker.acceptBytes })
  const dial = async (name: string) => {
    const socket = new WebSocket(`${url}/mqtt`, 'mqtt')
    t.after(() => socket.terminate())
    const frames: Buffer[] = []
    socket.on('message', (data: Buffer) => frames.push(data))
    await once(socket, 'open')
    const next = async (): Promise<void> => void (await inTime(once(socket, 'message'), `${name} hears nothing`))
    socket.send(generate(connectPacket(asService(name))))
    await next()
    return { socket, frames, next }
  }
  const subscriber = await dial('subscriber')
  subscriber.socket.send(generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 't', qos: 1 }] }))
  await subscriber.next()
  const publisher = await dial('publisher')
  subscriber.frames.length = 0
  publisher.frames.length = 0
  for (let n = 1; n <= 20; n++) {
    const answered = Promise.all([publisher.next(), subscriber.next()])
    publisher.socket.send(generate(publishPacket('t', `${n}`, { qos: 1, messageId: n })))
    await answered
    subscriber.socket.send(generate({ cmd: 'puback', messageId: ((n - 1) % 64) + 1 }))
  }
  assert.equal(publisher.frames.length, 20)
  assert.equal(subscriber.frames.length, 20)

  // Those that come together leave together.
  const burst = Array.from({ length: 30 }, (_, n) => generate(publishPacket('t', `${n}`, { qos: 1, messageId: n + 1 })))
  publisher.socket.send(Buffer.concat(burst))
  await eventually('30 messages do not come', () => Buffer.concat(subscriber.frames.slice(20)).length >= 30 * 7)
  assert.ok(subscriber.frames.length - 20 <= 2, `${subscriber.frames.length - 20} frames for a burst of 30 messages`)
  assert.ok(publisher.frames.length - 20 <= 2, `${publisher.frames.length - 20} frames for their acknowledgements`)
})
