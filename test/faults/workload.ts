import type { DurablePersistence } from '../../broker/persistence/index.ts'
import { message, queued } from '../contract/persistence.ts'

/** What a workload was promised, and what it had begun: a line each. */
export type Report = (line: string) => void

const KEEPER = { id: 'keeper' }
const READER = { id: 'reader' }
const WINDOW = 20

/** Steps of one start; a packet id is used once over a hundred of them. */
export const STEPS = 600

/**
 * Does a bit of everything, from step `from` up to `to`. `begun` is reported before each change, `done` once it is
 * promised. A change that fails is reported as neither done nor undone.
 */
export async function work(persistence: DurablePersistence, from: number, to: number, report: Report): Promise<void> {
  const attempt = async (what: string, change: () => Promise<unknown>): Promise<void> => {
    report(`begun ${what}`)
    try {
      await change()
      report(`done ${what}`)
    } catch {
      report(`failed ${what}`)
    }
  }
  await attempt(`subscribe ${KEEPER.id} q/#`, () => persistence.addSubscriptions(KEEPER, [{ topic: 'q/#', qos: 2 }]))
  await attempt(`subscribe ${READER.id} q/#`, () => persistence.addSubscriptions(READER, [{ topic: 'q/#', qos: 1 }]))
  // The reader is there: each of its messages is under way as soon as it is stored.
  let packetId = from
  persistence.openQueue(READER.id).attach({ reserve: () => ++packetId, takenBack: () => {} })
  const open = new Set<Promise<void>>()
  for (let n = from; n < to; n++) {
    const packet = message(`${n}`, { topic: `q/${n % 10}`, qos: 2, brokerId: `start ${from}`, brokerCounter: n + 1 })
    const id = n + 1
    const step = async (): Promise<void> => {
      const targets = [{ clientId: KEEPER.id }, { clientId: READER.id }]
      await attempt(`queue ${n}`, () => persistence.outgoingEnqueueCombi(targets, packet))
      if (n % 2 === 0)
        await attempt(`acknowledge ${n}`, () => persistence.outgoingClearMessageId(READER, { messageId: id }))
      if (n % 7 === 0) {
        const retained = message(`${n}`, { topic: `r/${n % 5}`, retain: true })
        await attempt(`retain r/${n % 5} ${n}`, () => persistence.storeRetained(retained))
      }
      if (n % 5 === 0) {
        await attempt(`receive ${id}`, () => persistence.incomingStorePacket(KEEPER, { messageId: id }))
        if (n % 10 === 0) await attempt(`release ${id}`, () => persistence.incomingDelPacket(KEEPER, { messageId: id }))
      }
      if (n % 13 === 0) {
        await attempt(`subscribe ${KEEPER.id} s/${n}`, () =>
          persistence.addSubscriptions(KEEPER, [{ topic: `s/${n}`, qos: 1 }]),
        )
      }
    }
    const running = step()
    open.add(running)
    running.finally(() => open.delete(running)).catch(() => {})
    if (open.size >= WINDOW) await Promise.race(open)
  }
  await Promise.all(open)
}

/** What a start finds, in the words of the report: everything that is lost, doubled or out of order. */
export async function wrongs(persistence: DurablePersistence, lines: readonly string[]): Promise<string[]> {
  const begun = new Set<string>()
  const done = new Set<string>()
  for (const line of lines) {
    const [word, ...rest] = line.split(' ')
    if (word === 'begun') begun.add(rest.join(' '))
    if (word === 'done') done.add(rest.join(' '))
  }
  const wrong: string[] = []
  const promised = (verb: string): string[][] =>
    [...done].filter((what) => what.startsWith(`${verb} `)).map((what) => what.split(' ').slice(1))

  const queues = {
    keeper: (await queued(persistence, KEEPER.id)).map(Number),
    reader: (await queued(persistence, READER.id)).map((words) => Number(words.split(' ')[0])),
  }
  for (const [name, numbers] of Object.entries(queues)) {
    for (const [at, n] of numbers.entries()) {
      if (numbers.indexOf(n) !== at) wrong.push(`${n} is in the queue of ${name} twice`)
      if (!begun.has(`queue ${n}`)) wrong.push(`${n} is in the queue of ${name}, and nobody sent it`)
    }
    // Within one start: a workload begins its steps in order.
    if (numbers.some((n, at) => at > 0 && n < (numbers[at - 1] ?? 0)))
      wrong.push(`the queue of ${name} is out of order`)
  }
  const [keeper, reader] = [new Set(queues.keeper), new Set(queues.reader)]
  for (const [n = ''] of promised('queue')) {
    if (!keeper.has(Number(n))) wrong.push(`${n} is lost for keeper`)
    if (!reader.has(Number(n)) && !begun.has(`acknowledge ${n}`)) wrong.push(`${n} is lost for reader`)
  }
  for (const [n = ''] of promised('acknowledge')) {
    if (reader.has(Number(n))) wrong.push(`${n} was acknowledged and is there again`)
  }
  const retained = new Map(
    [...persistence.retainedMessages(['r/#'])].map(({ topic, payload }) => [topic, Number(payload)]),
  )
  for (const [topic = '', n = ''] of promised('retain')) {
    if (!((retained.get(topic) ?? -1) >= Number(n))) wrong.push(`${topic} has lost ${n}`)
  }
  for (const [id = ''] of promised('receive')) {
    const there = await persistence.incomingGetPacket(KEEPER, { messageId: Number(id) }).then(
      () => true,
      () => false,
    )
    if (!there && !begun.has(`release ${id}`)) wrong.push(`packet id ${id} is lost`)
    if (there && done.has(`release ${id}`)) wrong.push(`packet id ${id} was released and is there again`)
  }
  for (const [clientId = '', filter = ''] of promised('subscribe')) {
    const filters = (await persistence.subscriptionsByClient({ id: clientId })).map(({ topic }) => topic)
    if (!filters.includes(filter)) wrong.push(`the subscription ${filter} of ${clientId} is lost`)
  }
  return wrong
}
