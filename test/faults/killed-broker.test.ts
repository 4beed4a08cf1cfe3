import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { asService, publishPacket, WireClient, type Received } from '../broker/support/wire.ts'
import { acknowledging } from '../conformance/support/clients.ts'
import { inTime } from '../conformance/support/in-time.ts'
import { startChild, type Child } from '../support/child.ts'
import { aFolder } from '../support/folder.ts'
import { cutToLastSync, reported } from './reporting-level.ts'

/**
 * Kills a whole broker in the middle of publishing, over and over, and holds it to what it said: every message that was
 * acknowledged comes to a session that was away, and to one that was there; in order; twice only with DUP.
 */

const WORKER = fileURLToPath(new URL('broker-worker.js', import.meta.url))
const KILLS = process.env['MOORING_LONG_TESTS'] === '1' ? 20 : 3
const WINDOW = 20

interface Start {
  readonly child: Child
  dial(name: string, more?: object): Promise<WireClient>
}

async function start(t: TestContext, folder: string, report: string): Promise<Start> {
  const child = startChild(t, process.execPath, [WORKER, folder, report])
  const port = Number((await child.line(/^port /)).slice(5))
  return {
    child,
    dial: async (name, more = {}) => {
      const socket = connect(port, '127.0.0.1')
      t.after(() => socket.destroy())
      const client = acknowledging(new WireClient(socket))
      await inTime(client.login(asService(name, { clean: false, ...more })), `${name} is not let in`)
      return client
    },
  }
}

/** `n` is sent at QoS 1 when it is even, at QoS 2 when it is odd, and every seventh is retained. */
const qosOf = (n: number): 1 | 2 => (n % 2 === 0 ? 1 : 2)
const isRetained = (n: number): boolean => n % 7 === 0

/** Publishes from `first` on, no more than a window unacknowledged. Resolves when the connection ends. */
async function publishOn(client: WireClient, first: number, acknowledged: (n: number) => void): Promise<number> {
  let next = first
  let open = 0
  const send = (): void => {
    for (; open < WINDOW; open++, next++) {
      const options = { qos: qosOf(next), retain: isRetained(next), messageId: (next % 60_000) + 1 }
      client.send(publishPacket('q', `${next}`, options))
    }
  }
  const sentAs = (messageId: number): number => {
    for (let n = next - 1; n >= first; n--) if ((n % 60_000) + 1 === messageId) return n
    throw new Error(`an answer for ${messageId}, which was not sent`)
  }
  client.stream.on('data', () => {
    for (const { cmd, messageId = 0 } of client.received.splice(0)) {
      if (cmd !== 'puback' && cmd !== 'pubrec') continue
      acknowledged(sentAs(messageId))
      open -= 1
    }
    send()
  })
  send()
  await client.closed
  return next
}

/** A message, or the PUBREL of one. */
interface Arrival {
  readonly n: number | undefined
  readonly dup: boolean
  readonly messageId: number
}

const arrivalsOf = (received: readonly Received[]): Arrival[] =>
  received.flatMap(({ cmd, messageId = 0, ...one }) => {
    if (cmd === 'pubrel') return { n: undefined, dup: false, messageId }
    return cmd === 'publish' ? { n: Number(String(one['payload'])), dup: one['dup'] === true, messageId } : []
  })

/** What of these arrivals breaks the promise. */
function wrongs(who: string, arrivals: readonly Arrival[], acknowledged: ReadonlySet<number>): string[] {
  const wrong: string[] = []
  const seen = new Set<number>()
  // As a receiver tells messages of QoS 2 apart [MQTT-4.3.3-2].
  const unreleased = new Map<number, number>()
  let last = -1
  for (const { n, dup, messageId } of arrivals) {
    if (n === undefined) unreleased.delete(messageId)
    else if (!seen.has(n)) {
      if (n < last) wrong.push(`${who}: ${n} came after ${last}`)
      last = n
      seen.add(n)
      if (qosOf(n) === 2) unreleased.set(messageId, n)
    } else {
      if (!dup) wrong.push(`${who}: ${n} came twice, without DUP`)
      if (qosOf(n) === 2 && unreleased.get(messageId) !== n) wrong.push(`${who}: ${n} of QoS 2 came as a new message`)
    }
  }
  for (const n of acknowledged) if (!seen.has(n)) wrong.push(`${who}: ${n} is lost`)
  return wrong
}

async function killOften(
  t: TestContext,
  afterKill: (folder: string, report: string[]) => Promise<void>,
): Promise<void> {
  const folder = join(await aFolder(t), 'data')
  const report = join(folder, '..', 'report')
  const acknowledged = new Set<number>()
  const live: Arrival[] = []
  let next = 0
  let lastRetained = -1
  let running = await start(t, folder, report)
  const keeper = await running.dial('keeper')
  await keeper.subscribe('q', 2)
  await keeper.disconnect()

  for (let kill = 0; kill < KILLS; kill++) {
    const reader = await running.dial('reader')
    if (kill === 0) await reader.subscribe('q', 2)
    else assert.equal(reader.received[0]?.['sessionPresent'], true, 'the session is lost')
    const publisher = await running.dial('publisher', { clientId: `publisher-${kill}` })
    const enough = acknowledged.size + 50 + Math.floor(Math.random() * 500)
    const { child } = running
    next = await publishOn(publisher, next, (n) => {
      acknowledged.add(n)
      if (isRetained(n)) lastRetained = Math.max(lastRetained, n)
      if (acknowledged.size >= enough) child.signal('SIGKILL')
    })
    await child.ended
    await reader.closed
    live.push(...arrivalsOf(reader.received))
    await afterKill(folder, reported(report))
    running = await start(t, folder, report)
  }

  const [back, reader, visitor] = [
    await running.dial('keeper'),
    await running.dial('reader'),
    await running.dial('visitor', { clean: true }),
  ]
  const publisher = await running.dial('publisher', { clientId: 'the last one' })
  await visitor.subscribe('q', 1)
  const retained = await visitor.hear(({ cmd }) => cmd === 'publish')
  assert.ok(Number(String(retained['payload'])) >= lastRetained, 'an older message is retained')
  publisher.publish('q', `${next}`, { qos: 1 })
  await inTime(Promise.all([back.hearMessage(`${next}`), reader.hearMessage(`${next}`)]), 'the end does not come')
  acknowledged.add(next)
  live.push(...arrivalsOf(reader.received))
  assert.ok(acknowledged.size > KILLS * 50)
  assert.deepEqual(wrongs('away', arrivalsOf(back.received), acknowledged), [])
  assert.deepEqual(wrongs('live', live, acknowledged), [])
  running.child.signal('SIGKILL')
}

test(`${KILLS} kills while it publishes: nothing acknowledged is lost, nor doubled beyond what DUP allows`, (t) =>
  killOften(t, async () => {}))

test(`the same when the files are cut to their last fsync`, (t) => killOften(t, cutToLastSync))
