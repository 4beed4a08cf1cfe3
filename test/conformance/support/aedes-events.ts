import assert from 'node:assert/strict'
import type { EventEmitter } from 'node:events'
import { duplexPair, type Duplex } from 'node:stream'
import { test } from 'node:test'
import { generate, type IConnectPacket } from 'mqtt-packet'
import { connectPacket, publishPacket, WireClient } from '../../broker/support/wire.ts'
import { acknowledging, closed, hear, hearAnswer, hearMessage, leave } from './clients.ts'
import { eventually, inTime, turns } from './in-time.ts'

/**
 * Aedes' documented events and hooks (docs/Aedes.md of the package): with which arguments, in which order, how often.
 * Plugins are written against these, so whatever takes the place of Aedes' own connections must pass the same table.
 */

/** What is looked at of a client. */
interface Client {
  readonly id: string | null
  readonly connecting: boolean
  readonly connected: boolean
}

interface Message {
  readonly cmd?: string
  readonly topic: string
  readonly payload: Buffer | string
  readonly qos?: number
  readonly messageId?: number
}

interface Subscription {
  readonly topic: string
  readonly qos: number
}

type Done<T = unknown> = (error: Error | null, value?: T) => void

/** The hooks, as Aedes' options name them. */
export interface Hooks {
  preConnect(client: Client, packet: { clientId: string }, done: Done<boolean>): void
  authenticate(client: Client, userName: string | undefined, password: Buffer | undefined, done: Done<boolean>): void
  authorizePublish(client: Client | null, packet: Message, done: Done): void
  authorizeSubscribe(client: Client, subscription: Subscription, done: Done<Subscription | null>): void
  authorizeForward(client: Client, packet: Message): Message | null
  published(packet: Message, client: Client | null, done: Done): void
}

export interface Stage {
  readonly aedes: EventEmitter & {
    readonly id: string
    readonly connectedClients: number
    publish(packet: object, done: (error?: Error) => void): void
    subscribe(topic: string, deliver: (packet: Message, done: () => void) => void, done: () => void): void
    close(done: () => void): void
  }
  readonly accept: (stream: Duplex) => unknown
}

type Name =
  | keyof Hooks
  | 'client'
  | 'clientReady'
  | 'clientDisconnect'
  | 'clientError'
  | 'connectionError'
  | 'keepaliveTimeout'
  | 'publish'
  | 'ack'
  | 'ping'
  | 'subscribe'
  | 'unsubscribe'
  | 'connackSent'
  | 'closed'

interface Play extends Stage {
  /** Opens a connection without a word. */
  readonly dial: () => WireClient
  /** Opens one, and logs in with this client id. */
  readonly login: (clientId: string, connect?: Partial<IConnectPacket>) => Promise<WireClient>
}

interface EventCase {
  readonly name: string
  /** Which events and hooks are looked at; all others may happen or not. */
  readonly watched: readonly Name[]
  readonly hooks?: Partial<Hooks>
  readonly play: (play: Play) => Promise<unknown>
  readonly expected: readonly string[]
}

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

const unsubscribed = (client: WireClient, unsubscriptions: string[]): Promise<unknown> => {
  client.send({ cmd: 'unsubscribe', messageId: 9, unsubscriptions })
  return hearAnswer(client, 'unsuback', 9)
}

const cases: readonly EventCase[] = [
  {
    name: 'a login asks preConnect and authenticate, then tells client, connackSent and clientReady',
    watched: ['preConnect', 'authenticate', 'client', 'connackSent', 'clientReady', 'clientError', 'connectionError'],
    play: ({ login }) => login('a', { username: 'user', password: Buffer.from('secret') }),
    expected: [
      'preConnect a, client id null',
      'authenticate a user secret',
      'client a connecting',
      'connackSent connack 0 to a',
      'clientReady a connected',
    ],
  },
  {
    name: 'authenticate is asked without user name and password when there are none',
    watched: ['authenticate'],
    play: ({ login }) => login('a'),
    expected: ['authenticate a undefined undefined'],
  },
  {
    name: 'preConnect may change the packet',
    watched: ['authenticate', 'client'],
    hooks: {
      preConnect: (_client, packet, done) => {
        packet.clientId = 'changed'
        done(null, true)
      },
    },
    play: ({ login }) => login('a'),
    expected: ['authenticate changed undefined undefined', 'client changed connecting'],
  },
  {
    name: 'an error of preConnect is a connectionError, and nobody is asked or told anything else',
    watched: [
      'preConnect',
      'authenticate',
      'client',
      'connackSent',
      'connectionError',
      'clientError',
      'clientDisconnect',
    ],
    hooks: { preConnect: (_client, _packet, done) => done(new Error('no')) },
    play: async ({ dial }) => {
      const client = dial()
      client.send(connectPacket({ clientId: 'a' }))
      await closed(client)
      assert.deepEqual(client.received, [])
    },
    expected: ['preConnect a, client id null', 'connectionError null, an Error'],
  },
  {
    name: 'a login that authenticate does not let in is answered with return code 5, and is no client',
    watched: ['authenticate', 'client', 'connackSent', 'clientReady', 'clientDisconnect'],
    hooks: { authenticate: (_client, _userName, _password, done) => done(null, false) },
    play: async ({ dial }) => {
      const client = dial()
      assert.equal((await client.login({ clientId: 'a' }))['returnCode'], 5)
      await closed(client)
    },
    expected: ['authenticate a undefined undefined', 'connackSent connack 5 to a'],
  },
  {
    name: 'an error of authenticate says which return code is answered',
    watched: ['client', 'connackSent'],
    hooks: {
      authenticate: (_client, _userName, _password, done) => done(Object.assign(new Error('no'), { returnCode: 4 })),
    },
    play: async ({ dial }) => {
      const client = dial()
      assert.equal((await client.login({ clientId: 'a' }))['returnCode'], 4)
      await closed(client)
    },
    expected: ['connackSent connack 4 to a'],
  },
  {
    name: 'what is no CONNECT is a connectionError of a client without an id',
    watched: ['preConnect', 'connectionError', 'clientError', 'clientDisconnect'],
    play: async ({ dial }) => {
      const client = dial()
      client.send({ cmd: 'pingreq' })
      await closed(client)
    },
    expected: ['connectionError null, an Error'],
  },
  {
    name: 'DISCONNECT is one clientDisconnect and no error',
    watched: ['clientDisconnect', 'clientError', 'connectionError'],
    play: async ({ login }) => leave(await login('a')),
    expected: ['clientDisconnect a'],
  },
  {
    name: 'a connection that breaks is one clientDisconnect',
    watched: ['clientDisconnect'],
    play: async ({ login }) => (await login('a')).drop(),
    expected: ['clientDisconnect a'],
  },
  {
    name: 'a client that breaks the protocol is one clientError and one clientDisconnect',
    watched: ['clientError', 'connectionError', 'clientDisconnect'],
    play: async ({ login }) => {
      const client = await login('a')
      client.send(connectPacket({ clientId: 'a' }))
      await closed(client)
    },
    expected: ['clientError a, an Error', 'clientDisconnect a'],
  },
  {
    name: 'a takeover is a clientDisconnect, then a client',
    watched: ['client', 'clientDisconnect'],
    play: async ({ login }) => {
      const old = await login('a')
      await login('a')
      await closed(old)
    },
    expected: ['client a connecting', 'clientDisconnect a', 'client a connecting'],
  },
  {
    name: 'a client that falls silent is a keepaliveTimeout, a clientError and a clientDisconnect',
    watched: ['keepaliveTimeout', 'clientError', 'clientDisconnect'],
    play: async ({ login }) => closed(await login('a', { keepalive: 1 })),
    expected: ['keepaliveTimeout a', 'clientError a, an Error', 'clientDisconnect a'],
  },
  ...([0, 1, 2] as const).map((qos): EventCase => ({
    name: `a message of QoS ${qos} asks authorizePublish and published, and tells publish, each once`,
    watched: ['authorizePublish', 'published', 'publish'],
    play: async ({ login }) => {
      const client = acknowledging(await login('a'))
      client.publish('t', 'x', { qos, messageId: 7 })
      if (qos > 0) await hearAnswer(client, qos === 1 ? 'puback' : 'pubcomp', 7)
    },
    expected: ['authorizePublish t=x by a', 'published t=x by a', 'publish t=x by a'],
  })),
  {
    name: 'a message of QoS 2 that comes twice is published once',
    watched: ['published', 'publish'],
    play: async ({ login }) => {
      const client = await login('a')
      for (const dup of [false, true]) {
        client.send({ ...publishPacket('t', 'x', { qos: 2, messageId: 7 }), dup } as never)
        await hear(client, 'PUBREC', ({ cmd }) => cmd === 'pubrec')
        client.received.length = 0
      }
    },
    expected: ['published t=x by a', 'publish t=x by a'],
  },
  {
    name: 'authorizePublish may change the message',
    watched: ['publish'],
    hooks: {
      authorizePublish: (_client, packet, done) => {
        Object.assign(packet, { topic: 'changed', payload: Buffer.from('y') })
        done(null)
      },
    },
    play: async ({ login }) => {
      const client = await login('a')
      await client.subscribe('changed')
      client.publish('t', 'x')
      await hearMessage(client, 'y')
    },
    expected: ['publish changed=y by a'],
  },
  {
    name: 'an error of authorizePublish is a clientError and ends the connection, and nothing is published',
    watched: ['authorizePublish', 'published', 'publish', 'clientError', 'clientDisconnect'],
    hooks: { authorizePublish: (_client, _packet, done) => done(new Error('no')) },
    play: async ({ login }) => {
      const client = await login('a')
      client.publish('t', 'x', { qos: 1 })
      await closed(client)
    },
    expected: ['authorizePublish t=x by a', 'clientError a, an Error', 'clientDisconnect a'],
  },
  {
    name: 'a message of the broker itself is published by nobody, and authorizePublish is not asked',
    watched: ['authorizePublish', 'published', 'publish', 'authorizeForward'],
    play: async ({ login, aedes }) => {
      const client = await login('a')
      await client.subscribe('t')
      await new Promise<void>((resolve, reject) =>
        aedes.publish(
          { cmd: 'publish', topic: 't', payload: Buffer.from('x'), qos: 0, retain: false, dup: false },
          (error) => (error ? reject(error) : resolve()),
        ),
      )
      await hearMessage(client, 'x')
    },
    expected: ['authorizeForward t=x to a', 'published t=x by nobody', 'publish t=x by nobody'],
  },
  {
    name: 'a will asks authorizePublish on behalf of its client, and is published',
    watched: ['authorizePublish', 'authorizeForward'],
    play: async ({ login }) => {
      const watcher = await login('b')
      await watcher.subscribe('w')
      const client = await login('a', { will: { topic: 'w', payload: Buffer.from('gone'), qos: 0, retain: false } })
      await client.drop()
      await hearMessage(watcher, 'gone')
    },
    expected: ['authorizePublish w=gone by a', 'authorizeForward w=gone to b'],
  },
  {
    name: 'a will is not asked for after DISCONNECT',
    watched: ['authorizePublish', 'publish'],
    play: async ({ login }) =>
      leave(await login('a', { will: { topic: 'w', payload: Buffer.from('gone'), qos: 0, retain: false } })),
    expected: [],
  },
  {
    name: 'a message asks authorizeForward once for each subscriber, before it is published',
    watched: ['authorizeForward', 'published'],
    play: async ({ login }) => {
      const subscribers = [await login('b'), await login('c')]
      for (const client of subscribers) await client.subscribe('t')
      ;(await login('a')).publish('t', 'x')
      for (const client of subscribers) await hearMessage(client, 'x')
    },
    expected: ['authorizeForward t=x to b', 'authorizeForward t=x to c', 'published t=x by a'],
  },
  {
    name: 'what authorizeForward answers null for is not forwarded to that subscriber, and to others it is',
    watched: ['authorizeForward'],
    hooks: { authorizeForward: ({ id }, packet) => (id === 'b' ? null : packet) },
    play: async ({ login }) => {
      const [blind, seeing] = [await login('b'), await login('c')]
      for (const client of [blind, seeing]) await client.subscribe('t')
      ;(await login('a')).publish('t', 'x')
      await hearMessage(seeing, 'x')
      await blind.ping()
      assert.deepEqual(blind.messages, [])
    },
    expected: ['authorizeForward t=x to b', 'authorizeForward t=x to c'],
  },
  {
    name: 'authorizeForward is asked for a retained message',
    watched: ['authorizeForward'],
    play: async ({ login }) => {
      const publisher = await login('a')
      publisher.publish('t', 'kept', { qos: 1, retain: true })
      await hearAnswer(publisher, 'puback', 1)
      await publisher.ping()
      const client = await login('b')
      await client.subscribe('t')
      await hearMessage(client, 'kept')
    },
    expected: ['authorizeForward t=kept to b'],
  },
  {
    name: 'a session that is resumed asks authorizeSubscribe for its subscriptions and authorizeForward for its queue',
    watched: ['authorizeSubscribe', 'authorizeForward', 'connackSent'],
    play: async ({ login, dial }) => {
      const before = await login('b', { clean: false })
      await before.subscribe('t', 1)
      await leave(before)
      const publisher = await login('a')
      publisher.publish('t', 'x', { qos: 1 })
      await hearAnswer(publisher, 'puback', 1)
      await publisher.ping()
      const again = acknowledging(dial())
      await again.login({ clientId: 'b', clean: false })
      await hearMessage(again, 'x')
    },
    expected: [
      'connackSent connack 0 to b',
      'authorizeSubscribe t:1 by b',
      'connackSent connack 0 to a',
      'authorizeSubscribe t:1 by b',
      'connackSent connack 0 to b',
      'authorizeForward t=x to b',
    ],
  },
  {
    name: 'SUBSCRIBE asks authorizeSubscribe for each filter and tells subscribe once, with what was granted',
    watched: ['authorizeSubscribe', 'subscribe'],
    hooks: {
      authorizeSubscribe: (_client, subscription, done) =>
        done(null, subscription.topic === 'no' ? null : subscription),
    },
    play: async ({ login }) => {
      const client = await login('a')
      assert.deepEqual(await client.subscribe(['yes', 'no'], 1), [1, 128])
    },
    expected: ['authorizeSubscribe yes:1 by a', 'authorizeSubscribe no:1 by a', 'subscribe yes:1 no:128 by a'],
  },
  {
    name: 'an error of authorizeSubscribe is a clientError and ends the connection',
    watched: ['authorizeSubscribe', 'subscribe', 'clientError', 'clientDisconnect'],
    hooks: { authorizeSubscribe: (_client, _subscription, done) => done(new Error('no')) },
    play: async ({ login }) => {
      const client = await login('a')
      client.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 't', qos: 0 }] })
      await closed(client)
    },
    expected: ['authorizeSubscribe t:0 by a', 'clientError a, an Error', 'clientDisconnect a'],
  },
  {
    name: 'UNSUBSCRIBE tells unsubscribe once, with its filters',
    watched: ['unsubscribe'],
    play: async ({ login }) => {
      const client = await login('a', { clean: false })
      await client.subscribe(['t', 'u'])
      await unsubscribed(client, ['t', 'u'])
    },
    expected: ['unsubscribe t u by a'],
  },
  {
    name: 'PINGREQ tells ping',
    watched: ['ping'],
    play: async ({ login }) => {
      const client = await login('a')
      await client.ping()
      await client.ping()
    },
    expected: ['ping pingreq by a', 'ping pingreq by a'],
  },
  {
    name: 'PUBACK tells ack, with the message',
    watched: ['ack'],
    play: async ({ login }) => {
      const client = await login('a', { clean: false })
      await client.subscribe('t', 1)
      ;(await login('b')).publish('t', 'x', { qos: 1 })
      client.send({ cmd: 'puback', messageId: (await hearMessage(client, 'x')).messageId ?? 0 })
      await client.ping()
    },
    expected: ['ack publish t=x of a'],
  },
  {
    name: 'PUBCOMP tells ack once, with the PUBREL',
    watched: ['ack'],
    play: async ({ login }) => {
      const client = acknowledging(await login('a', { clean: false }))
      await client.subscribe('t', 2)
      acknowledging(await login('b')).publish('t', 'x', { qos: 2 })
      await hear(client, 'PUBREL', ({ cmd }) => cmd === 'pubrel')
    },
    expected: ['ack pubrel of a'],
  },
  {
    name: 'close tells closed once, after every client has gone',
    watched: ['clientDisconnect', 'closed'],
    play: async ({ login, aedes }) => {
      await login('a')
      await inTime(new Promise<void>((resolve) => aedes.close(resolve)), 'close does not call back')
    },
    expected: ['clientDisconnect a', 'closed once'],
  },
]

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

  for (const { name, watched, hooks = {}, play, expected } of cases) {
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
