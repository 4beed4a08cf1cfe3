import assert from 'node:assert/strict'
import { connectPacket, type WireClient } from '../../broker/support/wire.ts'
import { closed, hearAnswer, leave } from './clients.ts'
import { inTime } from './in-time.ts'
import type { EventCase } from './aedes-play.ts'

export const unsubscribed = (client: WireClient, unsubscriptions: string[]): Promise<unknown> => {
  client.send({ cmd: 'unsubscribe', messageId: 9, unsubscriptions })
  return hearAnswer(client, 'unsuback', 9)
}

/** Clients that come and go, and what they listen to. */
export const clientCases: readonly EventCase[] = [
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
    name: 'close tells closed once, after every client has gone',
    watched: ['clientDisconnect', 'closed'],
    play: async ({ login, aedes }) => {
      await login('a')
      await inTime(new Promise<void>((resolve) => aedes.close(resolve)), 'close does not call back')
    },
    expected: ['clientDisconnect a', 'closed once'],
  },
]
