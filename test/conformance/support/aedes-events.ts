import assert from 'node:assert/strict'
import type { EventEmitter } from 'node:events'
import { duplexPair } from 'node:stream'
import { test } from 'node:test'
import { generate } from 'mqtt-packet'
import { connectPacket, WireClient } from '../../broker/support/wire.ts'
import { hear, leave } from './clients.ts'
import { eventually, inTime, turns } from './in-time.ts'
import { clientCases, unsubscribed } from './aedes-client-cases.ts'
import { messageCases } from './aedes-message-cases.ts'
import type { Client, Hooks, Message, Name, Play, Stage, Subscription } from './aedes-play.ts'

/**
 * Aedes' documented events and hooks (docs/Aedes.md of the package): with which arguments, in which order, how often.
 * Plugins are written against these, so whatever takes the place of Aedes' own connections must pass the same table.
 */

const by = (client: Client | null): string => (client === null ? 'by nobody' : `by ${client.id}`)
const isError = (error: unknown): string => (error instanceof Error ? 'an Error' : 'no Error')
const words = ({ topic, payload }: Message): string => `${topic}=${String(payload)}`
const filters = (subscriptions: readonly Subscription[]): string =>
  subscriptions.map(({ topic, qos }) => `${topic}:${qos}`).join(' ')

const permissive: Hooks = {
  preConnect: (_client, _packet, done) => done(null, true),
  authenticate: (_client, _userName, _password, done) => done(null, true),
  authorizePublish: (_client, _packet, done) => done(null),
  authorizeSubscribe: (_client, subscription, done) => done(null, subscription),
  authorizeForward: (_client, packet) => packet,
  published: (_packet, _client, done) => done(null),
}

const isOwn = ({ topic }: Message): boolean => topic.startsWith('$SYS/')

/** Hooks that write down with what they were asked. What Aedes publishes by itself is left out. */
function writtenDown(hooks: Hooks, write: (name: Name, line: string) => void): Hooks {
  return {
    preConnect(client, packet, done) {
      write('preConnect', `${packet.clientId}, client id ${client.id}`)
      hooks.preConnect(client, packet, done)
    },
    authenticate(client, userName, password, done) {
      write(
        'authenticate',
        `${client.id} ${userName} ${Buffer.isBuffer(password) ? String(password) : typeof password}`,
      )
      hooks.authenticate(client, userName, password, done)
    },
    authorizePublish(client, packet, done) {
      write('authorizePublish', `${words(packet)} ${by(client)}`)
      hooks.authorizePublish(client, packet, done)
    },
    authorizeSubscribe(client, subscription, done) {
      write('authorizeSubscribe', `${subscription.topic}:${subscription.qos} ${by(client)}`)
      hooks.authorizeSubscribe(client, subscription, done)
    },
    authorizeForward(client, packet) {
      write('authorizeForward', `${words(packet)} to ${client.id}`)
      return hooks.authorizeForward(client, packet)
    },
    published(packet, client, done) {
      if (!isOwn(packet)) write('published', `${words(packet)} ${by(client)}`)
      hooks.published(packet, client, done)
    },
  }
}

const state = ({ id, connecting, connected }: Client): string =>
  `${id}${connecting ? ' connecting' : ''}${connected ? ' connected' : ''}`

function writeEventsDown(aedes: EventEmitter, write: (name: Name, line: string) => void): void {
  aedes.on('client', (client: Client) => write('client', state(client)))
  aedes.on('clientReady', (client: Client) => write('clientReady', state(client)))
  aedes.on('clientDisconnect', ({ id }: Client) => write('clientDisconnect', `${id}`))
  aedes.on('clientError', ({ id }: Client, error: unknown) => write('clientError', `${id}, ${isError(error)}`))
  aedes.on('connectionError', ({ id }: Client, error: unknown) => write('connectionError', `${id}, ${isError(error)}`))
  aedes.on('keepaliveTimeout', ({ id }: Client) => write('keepaliveTimeout', `${id}`))
  aedes.on('publish', (packet: Message, client: Client | null) => {
    if (!isOwn(packet)) write('publish', `${words(packet)} ${by(client)}`)
  })
  aedes.on('ack', (packet: Message | undefined, { id }: Client) => {
    const what = packet?.cmd === 'publish' ? `publish ${words(packet)}` : String(packet?.cmd)
    write('ack', `${what} of ${id}`)
  })
  aedes.on('ping', (packet: Message, { id }: Client) => write('ping', `${packet.cmd} by ${id}`))
  aedes.on('subscribe', (subscriptions: Subscription[], client: Client) =>
    write('subscribe', `${filters(subscriptions)} ${by(client)}`),
  )
  aedes.on('unsubscribe', (unsubscriptions: string[], client: Client) =>
    write('unsubscribe', `${unsubscriptions.join(' ')} ${by(client)}`),
  )
  aedes.on('connackSent', ({ cmd, returnCode }: { cmd: string; returnCode: number }, { id }: Client) =>
    write('connackSent', `${cmd} ${returnCode} to ${id}`),
  )
  aedes.on('closed', () => write('closed', 'once'))
}

/** Tells whoever subscribes to `$SYS` of logins, subscriptions and their ends. */
const systemTopics: readonly { topic: string; payload: string }[] = [
  { topic: 'new/clients', payload: 'a' },
  { topic: 'new/subscribes', payload: '{"clientId":"a","subs":[{"topic":"t","qos":1}]}' },
  { topic: 'new/unsubscribes', payload: '{"clientId":"a","subs":["t"]}' },
  { topic: 'disconnect/clients', payload: 'a' },
]

/** @param open makes an Aedes with these hooks, and the function that takes over a stream. */
export function aedesEventsContract(of: string, open: (hooks: Hooks) => Promise<Stage>): void {
  const begin = async (
    t: { after(work: () => unknown): void },
    hooks: Partial<Hooks>,
    write: (name: Name, line: string) => void,
  ): Promise<Play> => {
    const { aedes, accept } = await open(writtenDown({ ...permissive, ...hooks }, write))
    t.after(() => inTime(new Promise<void>((resolve) => aedes.close(resolve)), 'close does not call back'))
    writeEventsDown(aedes, write)
    const dial = (): WireClient => {
      const [near, far] = duplexPair()
      // Unlike those of a socket, the ends of a pair do not hear of each other's end.
      far.once('close', () => near.push(null))
      near.once('close', () => far.destroy())
      accept(far)
      return new WireClient(near)
    }
    const login: Play['login'] = async (clientId, connect = {}) => {
      const client = dial()
      client.write(generate(connectPacket({ clientId, ...connect })))
      await hear(client, 'CONNACK', ({ cmd }) => cmd === 'connack')
      return client
    }
    return { aedes, accept, dial, login }
  }

  for (const { name, watched, hooks = {}, play, expected } of [...clientCases, ...messageCases]) {
    test(`${of}: ${name}`, async (t) => {
      const lines: string[] = []
      const write = (what: Name, line: string): void => {
        if (watched.includes(what)) lines.push(`${what} ${line}`)
      }
      await play(await begin(t, hooks, write))
      await eventually(
        () => `only this happened: ${lines.join(' | ')}`,
        () => lines.length >= expected.length,
        3_000,
      )
      await turns(10)
      assert.deepEqual(lines, expected)
    })
  }

  test(`${of}: who subscribes to $SYS hears of clients and subscriptions that come and go`, async (t) => {
    const { aedes, login } = await begin(t, {}, () => {})
    const heard: { topic: string; payload: string }[] = []
    await new Promise<void>((resolve) =>
      aedes.subscribe(
        '$SYS/#',
        ({ topic, payload }, done) => {
          const rest = topic.slice(`$SYS/${aedes.id}/`.length)
          if (rest !== 'birth') heard.push({ topic: rest, payload: String(payload) })
          done()
        },
        resolve,
      ),
    )
    const client = await login('a', { clean: false })
    await client.subscribe('t', 1)
    await unsubscribed(client, ['t'])
    await leave(client)
    await eventually(
      () => `only this was heard: ${JSON.stringify(heard)}`,
      () => heard.length >= systemTopics.length,
    )
    assert.deepEqual(heard, systemTopics)
  })
}
