import assert from 'node:assert/strict'
import { once } from 'node:events'
import type http from 'node:http'
import type net from 'node:net'
import { describe, test, type TestContext } from 'node:test'
import tls from 'node:tls'
import { WebSocket } from 'ws'
import { aCertificate } from '../support/certificate.ts'
import { until } from './door-support/connections.ts'
import type { Heard } from './door-support/heard.ts'
import { anInside, aSocket, aWebSocketServer, untilClosed, UPGRADE, type Inside } from './door-support/sockets.ts'

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

interface Dialled {
  readonly socket: net.Socket
  readonly heard: readonly Heard[]
}

async function aConnection(t: TestContext, inside: Inside, scheme: 'ws' | 'wss'): Promise<Dialled> {
  if (scheme === 'ws') {
    const { port, heard } = await aWebSocketServer(t, inside)
    return { socket: await aSocket(t, port), heard }
  }
  const { cert, key, ca } = await aCertificate()
  const { port, heard } = await aWebSocketServer(t, inside, { tls: { cert, key } })
  const socket = tls.connect({ socket: await aSocket(t, port), servername: 'localhost', ca })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  return { socket, heard }
}

describe('an upgrade that is refused', PATIENCE, () => {
  for (const path of ['/mqtt/', '/MQTT', '/api/register-device', '//', '/mqtt/../']) {
    test(`to ${path} is answered with 404 and the right paths`, async (t) => {
      const inside = anInside(t)
      const { port, heard } = await aWebSocketServer(t, inside)
      const socket = await aSocket(t, port)
      socket.write(UPGRADE.replace('/mqtt', path))
      const answer = await untilClosed(socket)
      assert.match(answer, /^HTTP\/1\.1 404 Not Found\r\n/)
      assert.match(answer, /served at \/ and \/mqtt\./)
      assert.equal(heard.length, 0)
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
      const { url, heard } = await aWebSocketServer(t, inside)
      const [status, body] = await refusalOf(t, `${url}/mqtt`, offered)
      assert.equal(status, 400)
      assert.match(body, /Sec-WebSocket-Protocol with mqtt or mqttv3\.1/)
      assert.equal(heard.length, 0)
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
    const { port, heard } = await aWebSocketServer(t, inside)
    const socket = await aSocket(t, port)
    socket.write(UPGRADE.replace('Sec-WebSocket-Version: 13', 'Sec-WebSocket-Version: 99'))
    assert.match(await untilClosed(socket), /^HTTP\/1\.1 400 /)
    await until(() => inside.admission.counters().addresses === 0)
    assert.equal(heard.length, 0)
  })
})

describe('the deadline', PATIENCE, () => {
  for (const scheme of ['ws', 'wss'] as const) {
    test(`counts from the TCP connection: a slow upgrade request uses it up (${scheme})`, async (t) => {
      const inside = anInside(t, { connectDeadlineMs: 100 })
      const { socket, heard } = await aConnection(t, inside, scheme)
      const started = performance.now()
      socket.write(UPGRADE.slice(0, 60))
      await until(() => performance.now() - started > 150)
      socket.write(UPGRADE.slice(60))
      assert.equal(await untilClosed(socket), '')
      assert.equal(heard.length, 0)
      assert.equal(inside.admission.counters().refused.deadline, 1)
    })

    test(`of a connection that served HTTP before begins with the upgrade (${scheme})`, async (t) => {
      const inside = anInside(t, { connectDeadlineMs: 200 })
      const { socket } = await aConnection(t, inside, scheme)
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
