import assert from 'node:assert/strict'
import { once } from 'node:events'
import type http from 'node:http'
import type net from 'node:net'
import { describe, test, type TestContext } from 'node:test'
import tls from 'node:tls'
import { WebSocket } from 'ws'
import { aCertificate } from '../support/certificate.ts'
import { until } from './door-support/connections.ts'
import { anInside, aSocket, aWebSocketServer, untilClosed, type Inside } from './door-support/sockets.ts'

/** For a test that waits for what never comes. */
const PATIENCE = { timeout: 20_000 }

function aClient(t: TestContext, url: string, protocols: string | string[] = 'mqtt', ca?: string): WebSocket {
  const client = new WebSocket(url, protocols, ca === undefined ? {} : { ca })
  client.on('error', () => {})
  t.after(() => client.terminate())
  return client
}

async function refusalOf(t: TestContext, url: string, protocols: string | string[]): Promise<[number, string]> {
  const client = new WebSocket(url, protocols)
  client.on('error', () => {})
  t.after(() => client.terminate())
  const [, response] = (await once(client, 'unexpected-response')) as [unknown, http.IncomingMessage]
  const body = await response.toArray()
  return [response.statusCode ?? 0, Buffer.concat(body).toString()]
}

async function closeCodeOf(client: WebSocket): Promise<number> {
  const [code] = (await once(client, 'close')) as [number]
  return code
}

async function aConnection(t: TestContext, inside: Inside, scheme: 'ws' | 'wss'): Promise<net.Socket> {
  if (scheme === 'ws') return await aSocket(t, (await aWebSocketServer(t, inside)).port)
  const { cert, key, ca } = await aCertificate()
  const { port } = await aWebSocketServer(t, inside, { tls: { cert, key } })
  const socket = tls.connect({ socket: await aSocket(t, port), servername: 'localhost', ca })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  return socket
}

const UPGRADE = [
  'GET /mqtt HTTP/1.1',
  'Host: localhost',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  'Sec-WebSocket-Protocol: mqtt',
  '',
  '',
].join('\r\n')

describe('an upgrade that is refused', PATIENCE, () => {
  for (const path of ['/mqtt/', '/MQTT', '/api/register-device', '//', '/mqtt/../']) {
    test(`to ${path} is answered with 404 and the right paths`, async (t) => {
      const inside = anInside(t)
      const { port } = await aWebSocketServer(t, inside)
      const socket = await aSocket(t, port)
      socket.write(UPGRADE.replace('/mqtt', path))
      const answer = await untilClosed(socket)
      assert.match(answer, /^HTTP\/1\.1 404 Not Found\r\n/)
      assert.match(answer, /served at \/ and \/mqtt\./)
      assert.equal(inside.accepted.length, 0)
      assert.equal(inside.admission.counters().addresses, 0)
    })
  }

  for (const { offered, what } of [
    { offered: [], what: 'no subprotocol' },
    { offered: ['graphql-ws'], what: 'another subprotocol' },
    { offered: ['MQTT'], what: 'a subprotocol in capitals' },
  ]) {
    test(`with ${what} is answered with 400 and the reason`, async (t) => {
      const inside = anInside(t)
      const { url } = await aWebSocketServer(t, inside)
      const [status, body] = await refusalOf(t, `${url}/mqtt`, offered)
      assert.equal(status, 400)
      assert.match(body, /Sec-WebSocket-Protocol with mqtt or mqttv3\.1/)
      assert.equal(inside.accepted.length, 0)
    })
  }

  test('over a cap is closed, and the server goes on', async (t) => {
    const inside = anInside(t, { connections: 1 })
    const { url } = await aWebSocketServer(t, inside)
    await once(aClient(t, url), 'open')
    const second = aClient(t, url)
    await once(second, 'error')
    assert.equal(inside.admission.counters().refused.connections, 1)
  })

  test('with a broken handshake gives its place back', async (t) => {
    const inside = anInside(t)
    const { port } = await aWebSocketServer(t, inside)
    const socket = await aSocket(t, port)
    socket.write(UPGRADE.replace('Sec-WebSocket-Version: 13', 'Sec-WebSocket-Version: 99'))
    assert.match(await untilClosed(socket), /^HTTP\/1\.1 400 /)
    await until(() => inside.admission.counters().addresses === 0)
    assert.equal(inside.accepted.length, 0)
  })
})

describe('the deadline', PATIENCE, () => {
  for (const scheme of ['ws', 'wss'] as const) {
    test(`counts from the TCP connection: a slow upgrade request uses it up (${scheme})`, async (t) => {
      const inside = anInside(t, { connectDeadlineMs: 100 })
      const socket = await aConnection(t, inside, scheme)
      const started = performance.now()
      socket.write(UPGRADE.slice(0, 60))
      await until(() => performance.now() - started > 150)
      socket.write(UPGRADE.slice(60))
      assert.equal(await untilClosed(socket), '')
      assert.equal(inside.accepted.length, 0)
      assert.equal(inside.admission.counters().refused.deadline, 1)
    })

    test(`of a connection that served HTTP before begins with the upgrade (${scheme})`, async (t) => {
      const inside = anInside(t, { connectDeadlineMs: 200 })
      const socket = await aConnection(t, inside, scheme)
      const started = performance.now()
      socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
      await once(socket, 'data')
      await until(() => performance.now() - started > 250)
      socket.write(UPGRADE)
      const [answer] = (await once(socket, 'data')) as [Buffer]
      assert.match(answer.toString(), /^HTTP\/1\.1 101 /)
      socket.destroy()
    })
  }

  test('closes a WebSocket that was opened and says nothing', async (t) => {
    const inside = anInside(t, { connectDeadlineMs: 80 })
    const { url } = await aWebSocketServer(t, inside)
    const client = aClient(t, url)
    await once(client, 'close')
    await until(() => inside.admission.counters().addresses === 0)
  })
})

describe('an open WebSocket', PATIENCE, () => {
  for (const path of ['', '/', '/mqtt', '/mqtt?x=1']) {
    for (const [offered, chosen] of [
      ['mqtt', 'mqtt'],
      ['mqttv3.1', 'mqttv3.1'],
      [['mqttv3.1', 'mqtt'], 'mqtt'],
    ] as const) {
      test(`at "${path}" with ${String(offered)} speaks ${chosen} and carries bytes both ways`, async (t) => {
        const inside = anInside(t)
        const { url } = await aWebSocketServer(t, inside)
        const client = aClient(t, url + path, typeof offered === 'string' ? offered : [...offered])
        await once(client, 'open')
        assert.equal(client.protocol, chosen)
        client.send(Buffer.from('hello'))
        assert.equal(String((await once(client, 'message'))[0]), 'hello')
        assert.equal(inside.accepted[0]?.peer.address, '127.0.0.1')
        assert.equal(inside.accepted[0]?.peer.transport, 'ws')
      })
    }
  }

  test('over TLS is wss', async (t) => {
    const { cert, key, ca } = await aCertificate()
    const inside = anInside(t)
    const { url } = await aWebSocketServer(t, inside, { tls: { cert, key } })
    const client = aClient(t, `${url}/mqtt`, 'mqtt', ca)
    await once(client, 'open')
    client.send(Buffer.from('hello'))
    assert.equal(String((await once(client, 'message'))[0]), 'hello')
    assert.equal(inside.accepted[0]?.peer.transport, 'wss')
  })

  test('waits for admission without losing what the client sent', async (t) => {
    const inside = anInside(t)
    inside.busy = true
    const { port } = await aWebSocketServer(t, inside)
    const socket = await aSocket(t, port)
    // The first frame travels with the request: a masked, empty-keyed "hi".
    socket.write(Buffer.concat([Buffer.from(UPGRADE), Buffer.from('82820000000068', 'hex'), Buffer.from('i')]))
    await until(() => inside.admission.counters().waiting === 1)
    inside.busy = false
    const received = await new Promise<string>((resolve) => {
      let text = ''
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1')
        if (text.endsWith('hi')) resolve(text)
      })
    })
    assert.match(received, /^HTTP\/1\.1 101 /)
    socket.destroy()
  })

  test('is closed with 1003 by a text frame, which is not delivered [MQTT-6.0.0-1]', async (t) => {
    const heard: string[] = []
    const inside = anInside(t, {}, (stream) => stream.on('data', (chunk) => heard.push(String(chunk))).resume())
    const { url } = await aWebSocketServer(t, inside)
    const client = aClient(t, url)
    await once(client, 'open')
    client.send('text')
    assert.equal(await closeCodeOf(client), 1003)
    assert.deepEqual(heard, [])
    await until(() => inside.admission.counters().addresses === 0)
  })

  test('is closed with 1009 by a message that is too long', async (t) => {
    const inside = anInside(t)
    const { url } = await aWebSocketServer(t, inside, { maxMessageBytes: 1_000 })
    const client = aClient(t, url)
    await once(client, 'open')
    client.send(Buffer.alloc(1_001))
    assert.equal(await closeCodeOf(client), 1009)
    await until(() => inside.admission.counters().addresses === 0)
  })

  test('cannot fill memory before its CONNECT was read, and may afterwards', async (t) => {
    const inside = anInside(t)
    const { url } = await aWebSocketServer(t, inside, { maxBytesBeforeConnect: 10_000 })
    const stranger = aClient(t, url)
    await once(stranger, 'open')
    // One frame of a message that never becomes whole.
    stranger.send(Buffer.alloc(20_000), { fin: false })
    assert.equal(await closeCodeOf(stranger), 1006)
    assert.equal(inside.admission.counters().refused.deadline, 0)

    const device = aClient(t, url)
    await once(device, 'open')
    inside.accepted[1]?.peer.ticket.connectRead()
    device.send(Buffer.alloc(20_000))
    const [answer] = (await once(device, 'message')) as [Buffer]
    assert.equal(answer.length, 20_000)
  })
})

describe('frames', PATIENCE, () => {
  test('what is written in one go is one binary frame', async (t) => {
    const inside = anInside(t, {}, (stream) => {
      for (const piece of ['a', 'b', 'c', 'd']) stream.write(piece)
      stream.cork()
      stream.write('e')
      process.nextTick(() => stream.uncork())
    })
    const { url } = await aWebSocketServer(t, inside)
    const client = aClient(t, url)
    const [data, isBinary] = (await once(client, 'message')) as [Buffer, boolean]
    assert.equal(data.toString(), 'abcde')
    assert.equal(isBinary, true)
  })

  test('what is written and ended in one go arrives before the close', async (t) => {
    const inside = anInside(t, {}, (stream) => {
      stream.write('a')
      stream.end('b')
    })
    const { url } = await aWebSocketServer(t, inside)
    const client = aClient(t, url)
    const closed = closeCodeOf(client)
    assert.equal(String((await once(client, 'message'))[0]), 'ab')
    assert.equal(await closed, 1000)
  })

  test('the writer hears that a burst was sent', async (t) => {
    const inside = anInside(t, {}, () => {})
    const { url } = await aWebSocketServer(t, inside)
    await once(aClient(t, url), 'open')
    const { stream } = inside.accepted[0] ?? assert.fail()
    const sent: string[] = []
    stream.write('a', () => sent.push('a'))
    await new Promise<void>((resolve) => void stream.write('b', 'utf8', () => resolve()))
    assert.deepEqual(sent, ['a'])
    assert.equal(stream.writableLength, 0)
  })

  test('200 KB go in and out whole', async (t) => {
    const inside = anInside(t)
    const { url } = await aWebSocketServer(t, inside)
    const client = aClient(t, url)
    await once(client, 'open')
    inside.accepted[0]?.peer.ticket.connectRead()
    const sent = Buffer.alloc(200_000, 'mooring ')
    client.send(sent)
    const received: Buffer[] = []
    await new Promise<void>((resolve) => {
      client.on('message', (chunk: Buffer) => {
        received.push(chunk)
        if (Buffer.concat(received).length >= sent.length) resolve()
      })
    })
    assert.ok(Buffer.concat(received).equals(sent))
  })

  test('a reader that stops makes the sender wait instead of filling memory', async (t) => {
    const inside = anInside(t, {}, () => {})
    const { url } = await aWebSocketServer(t, inside)
    const client = aClient(t, url)
    await once(client, 'open')
    const { stream, peer } = inside.accepted[0] ?? assert.fail()
    peer.ticket.connectRead()
    const messages = 400
    for (let i = 0; i < messages; i += 1) client.send(Buffer.alloc(50_000, i % 256))
    await until(() => stream.readableLength >= stream.readableHighWaterMark)
    for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    assert.ok(stream.readableLength < 1_000_000, `${stream.readableLength} bytes were taken in`)
    assert.ok(client.bufferedAmount > 0)
    let total = 0
    stream.on('data', (chunk: Buffer) => (total += chunk.length))
    stream.resume()
    await until(() => total === messages * 50_000)
  })

  test('a client that stops reading makes the writer wait', async (t) => {
    const inside = anInside(t, {}, () => {})
    const { url } = await aWebSocketServer(t, inside)
    const client = aClient(t, url)
    await once(client, 'open')
    client.pause()
    const { stream } = inside.accepted[0] ?? assert.fail()
    let written = 0
    // The kernel takes some megabytes; after that nothing drains.
    while (written < 64_000_000) {
      written += 200_000
      stream.write(Buffer.alloc(100_000))
      if (!stream.write(Buffer.alloc(100_000))) {
        const drained = await Promise.race([
          once(stream, 'drain').then(() => true),
          (async () => {
            for (let turn = 0; turn < 300; turn += 1) await new Promise((resolve) => setImmediate(resolve))
            return false
          })(),
        ])
        if (!drained) break
      }
    }
    assert.ok(written < 64_000_000)
    assert.ok(stream.writableLength >= 200_000)
    let received = 0
    client.on('message', (chunk: Buffer) => (received += chunk.length))
    client.resume()
    await until(() => received === written)
    assert.equal(stream.writableLength, 0)
  })
})

describe('closing', PATIENCE, () => {
  test('by our side is clean: 1000', async (t) => {
    for (const end of ['end', 'destroy'] as const) {
      const inside = anInside(t, {}, () => {})
      const { url } = await aWebSocketServer(t, inside)
      const client = aClient(t, url)
      await once(client, 'open')
      inside.accepted[0]?.stream[end]()
      assert.equal(await closeCodeOf(client), 1000)
      await until(() => inside.admission.counters().addresses === 0)
    }
  })

  test('by the client lets the reader have the last packets first', async (t) => {
    const inside = anInside(t, {}, () => {})
    const { url } = await aWebSocketServer(t, inside)
    const client = aClient(t, url)
    await once(client, 'open')
    client.send(Buffer.from('DISCONNECT'))
    client.close()
    await once(client, 'close')
    const { stream } = inside.accepted[0] ?? assert.fail()
    const closed = once(stream, 'close')
    const heard: string[] = []
    stream.on('data', (chunk) => heard.push(String(chunk))).resume()
    await closed
    assert.deepEqual(heard, ['DISCONNECT'])
  })

  test('by a client that vanishes closes the stream', async (t) => {
    const inside = anInside(t)
    const { url } = await aWebSocketServer(t, inside)
    const client = aClient(t, url)
    await once(client, 'open')
    const closed = once(inside.accepted[0]?.stream ?? assert.fail(), 'close')
    client.terminate()
    await closed
    await until(() => inside.admission.counters().addresses === 0)
  })

  test('a client that does not answer the close is cut', async (t) => {
    const inside = anInside(t, {}, () => {})
    const { port } = await aWebSocketServer(t, inside)
    const socket = await aSocket(t, port)
    socket.write(UPGRADE)
    await until(() => inside.accepted.length === 1)
    const { stream, peer } = inside.accepted[0] ?? assert.fail()
    peer.ticket.loggedIn()
    const started = performance.now()
    stream.destroy()
    await until(() => inside.admission.counters().addresses === 0)
    assert.ok(performance.now() - started < 4_000)
  })

  test('is not held up by what a stopped reader left unread', async (t) => {
    const inside = anInside(t, {}, () => {})
    const { url } = await aWebSocketServer(t, inside)
    const client = aClient(t, url)
    await once(client, 'open')
    const { stream, peer } = inside.accepted[0] ?? assert.fail()
    peer.ticket.connectRead()
    client.send(Buffer.alloc(400_000))
    client.send(Buffer.alloc(400_000))
    await until(() => stream.readableLength > 0)
    const started = performance.now()
    stream.destroy()
    assert.equal(await closeCodeOf(client), 1000)
    assert.ok(performance.now() - started < 1_500)
  })

  test('the door closes everything with 1001 and refuses what comes', async (t) => {
    const inside = anInside(t)
    const { door, url } = await aWebSocketServer(t, inside)
    const client = aClient(t, url)
    await once(client, 'open')
    const code = closeCodeOf(client)
    await door.close()
    assert.equal(await code, 1001)
    const [status] = await refusalOf(t, url, 'mqtt')
    assert.equal(status, 503)
    await until(() => inside.admission.counters().addresses === 0)
  })
})
