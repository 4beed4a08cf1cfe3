import type { TestContext } from 'node:test'
import { Aedes } from 'aedes'
import type {
  AedesBroker,
  AedesClient,
  AedesHooks,
  Deliver,
  Message,
  PublishPacket,
} from '../../../broker/aedes-internals.d.ts'

// Aedes alone, with parts that note what it calls.

export const ID = 'broker-1'

/** Notes in one list what Aedes calls, of its `mq`, its persistence and its hooks. */
export class Calls {
  readonly list: string[] = []

  note(call: string): void {
    this.list.push(call)
  }

  /** Since the last time that this was asked. */
  taken(): string[] {
    return this.list.splice(0)
  }
}

export class FakeMq {
  readonly listeners: { readonly topic: string; readonly deliver: Deliver }[] = []
  readonly emitted: PublishPacket[] = []
  readonly #calls: Calls

  constructor(calls: Calls) {
    this.#calls = calls
  }

  on(topic: string, deliver: Deliver, done?: () => void): this {
    this.#calls.note(`mq.on ${topic}`)
    this.listeners.push({ topic, deliver })
    done?.()
    return this
  }

  removeListener(topic: string, _deliver: Deliver, done?: () => void): this {
    this.#calls.note(`mq.removeListener ${topic}`)
    done?.()
    return this
  }

  emit(packet: PublishPacket, done: () => void): this {
    this.#calls.note(`mq.emit ${packet.topic}`)
    this.emitted.push(packet)
    done()
    return this
  }

  close(done: () => void): void {
    this.#calls.note('mq.close')
    done()
  }
}

/** Only what Aedes itself may call: anything else would be no function, and fail the test. */
export class FakePersistence {
  readonly enqueued: { readonly subscriptions: readonly unknown[]; readonly packet: PublishPacket }[] = []
  fails: 'storeRetained' | 'outgoingEnqueueCombi' | undefined
  readonly #calls: Calls

  constructor(calls: Calls) {
    this.#calls = calls
  }

  async setup(broker: { readonly id: string }): Promise<void> {
    this.#calls.note(`setup ${broker.id}`)
  }

  async storeRetained(packet: PublishPacket): Promise<void> {
    this.#calls.note(`storeRetained ${packet.topic}`)
    if (this.fails === 'storeRetained') throw new Error('the disk is full')
  }

  async subscriptionsByTopic(topic: string): Promise<readonly unknown[]> {
    this.#calls.note(`subscriptionsByTopic ${topic}`)
    return [{ clientId: 'away', topic, qos: 1 }]
  }

  async outgoingEnqueueCombi(subscriptions: readonly unknown[], packet: PublishPacket): Promise<void> {
    this.#calls.note(`outgoingEnqueueCombi ${packet.topic}`)
    this.enqueued.push({ subscriptions, packet })
    if (this.fails === 'outgoingEnqueueCombi') throw new Error('the disk is full')
  }
}

/** The least that our connections have in common with Aedes' own. */
export class FakeClient implements AedesClient {
  readonly id: string
  readonly clean = true
  closed = false
  readonly duplicates: Record<string, number> = {}
  readonly #calls: Calls

  constructor(id: string, calls: Calls) {
    this.id = id
    this.#calls = calls
  }

  close(done?: () => void): void {
    this.#calls.note(`close ${this.id}`)
    this.closed = true
    done?.()
  }
}

export const deliver: Deliver = (_packet, done) => done()

export async function aStage(t: TestContext, hooks: Partial<AedesHooks<FakeClient>> = {}) {
  const calls = new Calls()
  const mq = new FakeMq(calls)
  const persistence = new FakePersistence(calls)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const aedes = (await Aedes.createBroker({
    ...hooks,
    id: ID,
    mq,
    persistence,
  } as never)) as unknown as AedesBroker<FakeClient>
  t.after(() => new Promise<void>((resolve) => aedes.close(resolve)))
  const started = calls.taken()
  const publish = (message: Message, client: FakeClient | null = null): Promise<Error | null | undefined> =>
    new Promise((resolve) => aedes.publish(message, client, resolve))
  const client = (id: string): FakeClient => new FakeClient(id, calls)
  return { aedes, mq, persistence, calls, started, publish, client }
}

export const message = (more: Partial<Message> = {}): Message => ({
  topic: 't',
  payload: Buffer.from('x'),
  qos: 0,
  retain: false,
  ...more,
})
