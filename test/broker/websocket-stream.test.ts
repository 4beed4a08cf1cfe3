import assert from 'node:assert/strict'
import { once } from 'node:events'
import type net from 'node:net'
import { describe, test, type TestContext } from 'node:test'
import { WebSocket } from 'ws'
import { NodeStream } from '../../broker/byte-stream.ts'
import { TcpStream } from '../../broker/tcp-stream.ts'
import { TlsStream } from '../../broker/tls-stream.ts'
import { aCertificate } from '../support/certificate.ts'
import { until } from './door-support/connections.ts'
import { fill, type Heard } from './door-support/heard.ts'
import {
  anInside,
  aSocket,
  aWebSocketServer,
  UPGRADE,
  type Carrier,
  type Inside,
  type WebSocketServerOptions,
  type WebSocketServerUnderTest,
} from './door-support/sockets.ts'

/** For a test that waits for what never comes. */
const PATIENCE = { timeout: 20_000 }

interface Server extends WebSocketServerUnderTest {
  readonly inside: Inside
  readonly ca: string | undefined
}

async function aServer(t: TestContext, carrier: Carrier, options: WebSocketServerOptions = {}): Promise<Server> {
  const inside = anInside(t)
  if (!carrier.startsWith('TLS')) {
    return { inside, ca: undefined, ...(await aWebSocketServer(t, inside, { carrier, ...options })) }
  }
  const { cert, key, ca } = await aCertificate()
  return { inside, ca, ...(await aWebSocketServer(t, inside, { carrier, tls: { cert, key }, ...options })) }
}

function dial(t: TestContext, { url, ca }: Server, path = '/mqtt', protocols: string | string[] = 'mqtt'): WebSocket {
  const client = new WebSocket(url + path, protocols, ca === undefined ? {} : { ca })
  client.on('error', () => {})
  t.after(() => client.terminate())
  return client
}

interface Opened extends Server {
  readonly client: WebSocket
  readonly one: Heard
}

async function anOpenOne(t: TestContext, carrier: Carrier, options: WebSocketServerOptions = {}): Promise<Opened> {
  const server = await aServer(t, carrier, options)
  const client = dial(t, server)
  await once(client, 'open')
  const [one] = server.heard
  return { ...server, client, one: one ?? assert.fail('nothing was accepted') }
}

async function closeCodeOf(client: WebSocket): Promise<number> {
  const [code] = (await once(client, 'close')) as [number]
  return code
}

const isEmpty = ({ inside }: Server): boolean => inside.admission.counters().addresses === 0

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

/** An empty key: the payload as it is. */
const frame = (opcode: number, payload: string): Buffer =>
  Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 0]), Buffer.from(payload, 'latin1')])

/** A client that says exactly what it is told to. */
async function aRawClient(t: TestContext, server: Server): Promise<{ socket: net.Socket; said: () => Buffer }> {
  const socket = await aSocket(t, server.port)
  let heard = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => (heard = Buffer.concat([heard, chunk])))
  socket.write(UPGRADE)
  await until(() => heard.includes('\r\n\r\n'))
  return { socket, said: () => heard.subarray(heard.indexOf('\r\n\r\n') + 4) }
}

for (const carrier of ['handle', 'socket', 'TLS handle', 'TLS socket'] as const) {
  describe(`a WebSocket over a ${carrier}`, PATIENCE, () => {
    for (const { what, send, code } of [
      { what: 'a text frame [MQTT-6.0.0-1]', send: (client: WebSocket) => client.send('text'), code: 1003 },
      {
        what: 'a message that is too long',
        send: (client: WebSocket) => client.send(Buffer.alloc(1_001)),
        code: 1009,
      },
      {
        what: 'a message whose fragments are too long together',
        send: (client: WebSocket) => {
          client.send(Buffer.alloc(600), { fin: false })
          client.send(Buffer.alloc(600))
        },
        code: 1009,
      },
    ]) {
      test(`is closed with ${code} by ${what}, which is told`, async (t) => {
        const { client, one, ...server } = await anOpenOne(t, carrier, { maxMessageBytes: 1_000 })
        send(client)
        assert.equal(await closeCodeOf(client), code)
        assert.ok(one.bytes < 1_000)
        assert.equal(one.errors.length, 1)
        await until(() => isEmpty(server))
      })
    }

    for (const { what, flood } of [
      { what: 'a message that never becomes whole', flood: (client: WebSocket) => client.send(Buffer.alloc(20_000)) },
      {
        what: 'pings',
        flood: (client: WebSocket) => {
          for (let n = 0; n < 1_000; n += 1) client.ping('how are you?')
        },
      },
    ]) {
      test(`cannot send ${what} before its CONNECT was read, and may afterwards`, async (t) => {
        const { client: stranger, ...server } = await anOpenOne(t, carrier, {
          maxBytesBeforeConnect: 10_000,
          echoes: false,
        })
        flood(stranger)
        assert.equal(await closeCodeOf(stranger), 1006)
        assert.equal(server.inside.admission.counters().refused.deadline, 0)

        const device = dial(t, server)
        await once(device, 'open')
        const second = server.heard[1] ?? assert.fail()
        second.peer?.ticket.connectRead()
        flood(device)
        device.send(Buffer.from('last'))
        await until(() => second.text.endsWith('last') || second.bytes > 20_000)
      })
    }

    for (const path of ['', '/', '/mqtt', '/mqtt?x=1']) {
      for (const [offered, chosen] of [
        ['mqtt', 'mqtt'],
        ['mqttv3.1', 'mqttv3.1'],
        [['mqttv3.1', 'mqtt'], 'mqtt'],
      ] as const) {
        test(`at "${path}" with ${String(offered)} speaks ${chosen} and carries bytes both ways`, async (t) => {
          const server = await aServer(t, carrier)
          const client = dial(t, server, path, typeof offered === 'string' ? offered : [...offered])
          await once(client, 'open')
          assert.equal(client.protocol, chosen)
          client.send(Buffer.from('hello'))
          const [data, isBinary] = (await once(client, 'message')) as [Buffer, boolean]
          assert.equal(data.toString(), 'hello')
          assert.equal(isBinary, true)
          const { stream, peer } = server.heard[0] ?? assert.fail()
          assert.equal(peer?.address, '127.0.0.1')
          assert.equal(peer.transport, carrier.startsWith('TLS') ? 'wss' : 'ws')
          assert.equal(stream.conn instanceof TcpStream, carrier === 'handle')
          assert.equal(stream instanceof NodeStream, false)
          const handle: unknown = Reflect.get(stream.conn, '_handle')
          assert.equal(Object(handle).stream instanceof TlsStream, carrier === 'TLS handle')
        })
      }
    }

    test('carries messages of every length, and what is written in one go in one frame', async (t) => {
      const { client, one } = await anOpenOne(t, carrier)
      one.peer?.ticket.connectRead()
      const frames: Buffer[] = []
      client.on('message', (data: Buffer) => frames.push(data))
      for (const length of [1, 125, 126, 65_535, 65_536, 200_000]) {
        frames.length = 0
        const sent = Buffer.alloc(length, 'mooring ')
        client.send(sent)
        await until(() => Buffer.concat(frames).length >= length)
        assert.ok(Buffer.concat(frames).equals(sent), `${length} bytes`)
      }
      frames.length = 0
      one.stream.write(Buffer.alloc(200_000, 'm'))
      await until(() => frames.length > 0)
      assert.equal(frames[0]?.length, 200_000)
    })

    test('answers a ping with what it said, also between the fragments of a message', async (t) => {
      const { client, one } = await anOpenOne(t, carrier)
      const answered = once(client, 'pong')
      client.send(Buffer.from('one '), { fin: false })
      client.ping('how are you?')
      client.send(Buffer.from('message'))
      assert.equal(String((await answered)[0]), 'how are you?')
      await until(() => one.text === 'one message')
    })

    test('whose reader stops makes its client wait, and goes on where it stopped', async (t) => {
      const { client, one } = await anOpenOne(t, carrier, { echoes: false })
      one.peer?.ticket.connectRead()
      one.stream.pause()
      const messages = 400
      for (let i = 0; i < messages; i += 1) client.send(Buffer.alloc(50_000, i % 256))
      await turns(200)
      assert.ok(one.bytes < 1_000_000, `${one.bytes} bytes were taken in`)
      assert.ok(client.bufferedAmount > 0)
      one.stream.resume()
      await until(() => one.bytes === messages * 50_000)
    })

    test('whose client does not read says so, counts what waits, and tells when it takes more', async (t) => {
      const { client, one } = await anOpenOne(t, carrier)
      client.pause()
      const written = fill(one.stream)
      assert.ok(one.stream.waitingBytes > 0)
      assert.equal(one.writables, 0)
      let received = 0
      client.on('message', (chunk: Buffer) => (received += chunk.length))
      client.resume()
      await until(() => received === written && one.writables > 0)
      assert.equal(one.stream.waitingBytes, 0)
    })

    test('ended by our side says what was written before, and closes with 1000', async (t) => {
      const { client, one, ...server } = await anOpenOne(t, carrier)
      const said = once(client, 'message')
      const code = closeCodeOf(client)
      one.stream.write(Buffer.from('last words'))
      one.stream.end(true)
      assert.equal(one.stream.isWritable, false)
      assert.equal(String((await said)[0]), 'last words')
      assert.equal(await code, 1000)
      await until(() => isEmpty(server))
      assert.equal(one.errors.length, 0)
    })

    test('closed by its client is heard out first, and the code is said back', async (t) => {
      const { client, one, ...server } = await anOpenOne(t, carrier)
      client.send(Buffer.from('DISCONNECT'))
      client.close(4321, 'enough')
      assert.equal(await closeCodeOf(client), 4321)
      assert.equal(one.text, 'DISCONNECT')
      assert.equal(one.isOver, true)
      await until(() => isEmpty(server))
    })

    test('whose client vanishes is over', async (t) => {
      const { client, one, ...server } = await anOpenOne(t, carrier)
      client.terminate()
      await until(() => one.isOver && isEmpty(server))
    })

    test('is not held up by what a stopped reader left unread', async (t) => {
      const { client, one } = await anOpenOne(t, carrier, { echoes: false })
      one.peer?.ticket.connectRead()
      one.stream.pause()
      for (let n = 0; n < 20; n += 1) client.send(Buffer.alloc(400_000))
      await turns(50)
      const started = performance.now()
      const heard = one.bytes
      one.stream.end(false)
      one.stream.pause()
      assert.equal(await closeCodeOf(client), 1000)
      assert.ok(performance.now() - started < 1_500)
      assert.equal(one.bytes, heard, 'it hears of what came after its end')
    })

    test('is closed with its door: 1001', async (t) => {
      const { client, one, door, ...server } = await anOpenOne(t, carrier)
      const code = closeCodeOf(client)
      await door.close()
      assert.equal(await code, 1001)
      assert.equal(one.isOver, true)
      const [, response] = (await once(dial(t, { ...server, door }), 'unexpected-response')) as [
        unknown,
        { statusCode: number },
      ]
      assert.equal(response.statusCode, 503)
      await until(() => isEmpty({ ...server, door }))
    })
  })
}

for (const carrier of ['handle', 'socket'] as const) {
  describe(`frames as they are, over a ${carrier}`, PATIENCE, () => {
    test('that came while admission was busy are not lost', async (t) => {
      const server = await aServer(t, carrier)
      server.inside.busy = true
      const socket = await aSocket(t, server.port)
      // The first travels with the request.
      socket.write(Buffer.concat([Buffer.from(UPGRADE), frame(0x2, 'one ')]))
      await until(() => server.inside.admission.counters().waiting === 1)
      socket.write(frame(0x2, 'two'))
      await turns(20)
      server.inside.busy = false
      await until(() => server.heard[0]?.text === 'one two')
    })

    test('a broken rule is told with its code, and nothing behind it is heard', async (t) => {
      const server = await aServer(t, carrier, { echoes: false })
      const { socket, said } = await aRawClient(t, server)
      const unmasked = Buffer.from([0x82, 0x02, 0x68, 0x69])
      socket.write(Buffer.concat([frame(0x2, 'good'), unmasked, frame(0x2, 'late')]))
      await until(() => said().length === 4)
      assert.deepEqual(said(), Buffer.from([0x88, 0x02, 0x03, 0xea]))
      socket.write(frame(0x2, 'later'))
      socket.end()
      await once(socket, 'close')
      assert.equal(server.heard[0]?.text, 'good')
      assert.deepEqual(
        server.heard[0]?.errors.map(({ message }) => message),
        ['a frame is not masked'],
      )
      await until(() => isEmpty(server))
    })

    test('a close without a code is answered without one', async (t) => {
      const server = await aServer(t, carrier)
      const { socket, said } = await aRawClient(t, server)
      socket.write(frame(0x8, ''))
      await once(socket, 'close')
      assert.deepEqual(said(), Buffer.from([0x88, 0x00]))
    })

    test('a client that does not answer the close is cut', async (t) => {
      const server = await aServer(t, carrier)
      await aRawClient(t, server)
      const { stream, peer } = server.heard[0] ?? assert.fail()
      peer?.ticket.loggedIn()
      const started = performance.now()
      stream.end(false)
      await until(() => isEmpty(server))
      assert.ok(performance.now() - started < 4_000)
    })

    test('a client that does not read gets the answer to its last ping alone', async (t) => {
      const server = await aServer(t, carrier, { echoes: false })
      const { socket, said } = await aRawClient(t, server)
      const one = server.heard[0] ?? assert.fail()
      one.peer?.ticket.connectRead()
      socket.pause()
      const written = fill(one.stream)
      const waiting = one.stream.waitingBytes
      for (let n = 0; n < 1_000; n += 1) socket.write(frame(0x9, `ping ${n}`))
      socket.write(frame(0x2, 'done'))
      await until(() => one.text === 'done')
      assert.equal(one.stream.waitingBytes, waiting)
      socket.resume()
      await until(() => said().subarray(-10).includes('ping 999'))
      assert.ok(said().length < written + 1_000)
    })

    test('a socket that admission destroys is over, and nothing fails', async (t) => {
      const server = await aServer(t, carrier)
      const { socket } = await aRawClient(t, server)
      server.inside.admission.close()
      await once(socket, 'close')
      const { stream, errors } = server.heard[0] ?? assert.fail()
      await until(() => !stream.isWritable)
      stream.pause()
      stream.resume()
      stream.end(false)
      stream.destroy()
      assert.deepEqual(errors, [])
    })
  })
}
