import assert from 'node:assert/strict'
import { publishPacket } from '../../broker/support/wire.ts'
import { acknowledging, closed, hear, hearAnswer, hearMessage, leave } from './clients.ts'
import type { EventCase } from './aedes-play.ts'

/** Messages, and what becomes of them. */
export const messageCases: readonly EventCase[] = [
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
]
