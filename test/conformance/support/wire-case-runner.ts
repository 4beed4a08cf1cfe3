import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { aBroker, type TestBroker } from '../../broker/support/broker.ts'
import { deviceIdOf, FakeRegistry, keyOfDevice } from '../../broker/support/door.ts'
import type { WireClient } from '../../broker/support/wire.ts'
import type { Step, WireCase } from '../wire-cases/case.ts'
import { connect, hex, pingreq, pingresp, SUBJECT, type ConnectFields } from './bytes.ts'
import { inTime, turns } from './in-time.ts'
import { RawClient } from './raw-client.ts'

/**
 * Runs every case against one broker, one after the other. A control client that is connected all along hears everything
 * that is published, and must be served after each case.
 */
export function runWireCases(cases: readonly WireCase[]): void {
  const stage = new Stage()
  before(() => stage.open())
  after(() => stage.close())
  for (const [index, wireCase] of cases.entries()) {
    const { clause, name, version } = wireCase
    test(`[${clause}] ${version === 3 ? 'MQTT 3.1: ' : ''}${name}`, () => stage.play(wireCase, index))
  }
}

/** What came of a case, in words that can be compared and read. */
interface Outcome {
  readonly answers: readonly string[]
  readonly connection: 'closed' | 'served' | 'open, and no PINGRESP comes'
  readonly heard: readonly string[]
}

class Stage {
  #broker!: TestBroker
  #control!: WireClient
  #rounds = 0
  readonly #atTheEnd: (() => unknown)[] = []
  /** Logins of these client ids wait until they are let through. */
  readonly #heldLogins = new Map<string, { asked: () => void; answered: Promise<void> }>()

  async open(): Promise<void> {
    const registry = new FakeRegistry()
    registry.addService(SUBJECT)
    this.#broker = await aBroker(
      { after: (work) => void this.#atTheEnd.push(work as () => unknown) },
      {
        registry,
        authenticate: async (presented) => {
          const held = this.#heldLogins.get(presented.clientId)
          held?.asked()
          await held?.answered
          return await registry.authenticate(presented)
        },
      },
    )
    this.#control = await this.#broker.service('control')
    await this.#control.subscribe('#')
  }

  async close(): Promise<void> {
    for (const end of this.#atTheEnd) await end()
  }

  async play(wireCase: WireCase, index: number): Promise<void> {
    const { expect } = wireCase
    const subject = new RawClient(this.#broker)
    try {
      await this.#begin(subject, wireCase, index)
      const connection = await this.#settle(subject, wireCase)
      subject.drop()
      const messages = await this.#heardUntilServed(expect.heard ?? [])

      const outcome: Outcome = { answers: subject.packets.map(hex), connection, heard: messages.map(shortened) }
      const expected: Outcome = {
        answers: (expect.answers ?? []).map(hex),
        connection: expect.closes ? 'closed' : 'served',
        heard: (expect.heard ?? []).map(shortened),
      }
      assert.deepEqual(outcome, expected, explain(wireCase, expected, outcome))
      assert.equal(hex(subject.rest), '', 'an answer is not a whole packet')
    } finally {
      subject.drop()
      this.#control.received.length = 0
    }
  }

  /** Brings the subject to its start and says what is given. */
  async #begin(subject: RawClient, { start, as, version = 4, given }: WireCase, index: number): Promise<void> {
    const steps = stepsOf(given)
    if (start === 'not connected') return await say(subject, steps)
    const clientId = as === 'device' ? deviceIdOf(1) : `subject-${index}`
    const login: ConnectFields = { level: version, clientId, ...(as === 'device' ? { userName: keyOfDevice(1) } : {}) }
    if (start === undefined || start === 'logged in') {
      subject.write(connect(login))
      assert.ok(await subject.until(() => subject.packets.length > 0), 'the login was not answered')
      assert.equal(hex(subject.packets.splice(0)[0] ?? Buffer.alloc(0)), '20 02 00 00')
      return await say(subject, steps)
    }
    let [wasAsked, letThrough] = [() => {}, () => {}]
    const asked = new Promise<void>((resolve) => (wasAsked = resolve))
    const answered = new Promise<void>((resolve) => (letThrough = resolve))
    this.#heldLogins.set(clientId, { asked: wasAsked, answered })
    subject.write(connect(start === 'refused login pending' ? { ...login, password: 'wrong' } : login))
    await inTime(asked, 'the registry was not asked')
    const early = steps.findIndex((step) => !Buffer.isBuffer(step))
    await say(subject, early === -1 ? steps : steps.slice(0, early))
    await turns(5)
    assert.deepEqual(subject.packets.map(hex), [], 'answered before the login was decided')
    this.#heldLogins.delete(clientId)
    letThrough()
    if (early !== -1) await say(subject, steps.slice(early))
  }

  /** Waits until all that is to come has come, and takes the answer to its own PINGREQ away. */
  async #settle(subject: RawClient, { expect }: WireCase): Promise<Outcome['connection']> {
    const expected = expect.answers?.length ?? 0
    if (expect.closes) return (await subject.until(() => subject.isClosed), subject.isClosed ? 'closed' : 'served')
    if (expect.incomplete === true) return (await turns(5), subject.isClosed ? 'closed' : 'served')
    await subject.until(() => subject.packets.length >= expected)
    const pings = (): number => subject.packets.filter((one) => one.equals(pingresp())).length
    const earlier = pings()
    subject.write(pingreq())
    if (!(await subject.until(() => pings() > earlier))) {
      return subject.isClosed ? 'closed' : 'open, and no PINGRESP comes'
    }
    subject.packets.splice(
      subject.packets.findLastIndex((one) => one.equals(pingresp())),
      1,
    )
    return 'served'
  }

  /** A message round trip and a ping of the control client. @returns what else it has heard. */
  async #heardUntilServed(awaited: readonly string[]): Promise<string[]> {
    const control = this.#control
    const messages = (): string[] =>
      control.received.flatMap((one) => (one.cmd === 'publish' ? [`${one.topic}=${String(one.payload)}`] : []))
    const late = AbortSignal.timeout(2_000)
    while (messages().length < awaited.length && !late.aborted) await turns(1)

    const round = `round ${++this.#rounds}`
    control.publish('control', round)
    await inTime(control.hearMessage(round), 'the control client does not hear its own message')
    await inTime(control.ping(), 'the control client gets no PINGRESP')
    return messages().filter((message) => message !== `control=${round}`)
  }
}

const shortened = (message: string): string =>
  message.length > 200 ? `${message.slice(0, 40)}… (${message.length} characters)` : message

const stepsOf = (given: WireCase['given']): readonly Step[] =>
  Buffer.isBuffer(given) || typeof given[0] === 'number'
    ? [Buffer.from(given as readonly number[])]
    : (given as readonly Step[])

async function say(subject: RawClient, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    if (Buffer.isBuffer(step)) subject.write(step)
    // What does not come is missing among the answers afterwards.
    else await subject.until(() => subject.packets.filter((one) => one.equals(step.packet)).length >= step.times)
  }
}

const explain = ({ clause, name, start = 'logged in', given }: WireCase, expected: Outcome, outcome: Outcome): string =>
  [
    `[${clause}] ${name}`,
    `  start:     ${start}`,
    ...stepsOf(given).map((step) =>
      Buffer.isBuffer(step) ? `  sent:      ${hex(step)}` : `  waited for ${hex(step.packet)}`,
    ),
    ...(['answers', 'connection', 'heard'] as const).flatMap((what) => [
      `  ${what}, expected: ${[expected[what]].flat().join(' | ') || 'nothing'}`,
      `  ${what}, came:     ${[outcome[what]].flat().join(' | ') || 'nothing'}`,
    ]),
  ].join('\n')
