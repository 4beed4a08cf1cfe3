import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test, type TestContext } from 'node:test'
import { createAdmission, networkOf, plainAddress, type Admission } from '../../broker/admission.ts'
import type { AdmissionLimits, RefusalReason } from '../../broker/admission.ts'
import { aLog, FakeConnection, LIMITS, until } from './door-support/connections.ts'

/** For a test that waits for what never comes. */
const PATIENCE = { timeout: 20_000 }

interface Desk {
  readonly admission: Admission
  readonly log: ReturnType<typeof aLog>
  /** Names in the order in which they were let in. */
  readonly opened: string[]
  busy: boolean
  arrive(address: string, name?: string, acceptedAt?: number): FakeConnection
  fleet(count: number, address: string): FakeConnection[]
}

function aDesk(t: TestContext, limits: Partial<AdmissionLimits> = {}): Desk {
  const log = aLog()
  const opened: string[] = []
  const desk: Desk = {
    admission: createAdmission({ limits: { ...LIMITS, ...limits }, busy: () => desk.busy, log }),
    log,
    opened,
    busy: false,
    arrive(address, name = address, acceptedAt = performance.now()) {
      const connection = new FakeConnection(name, address)
      all.push(connection)
      const open = (ticket: FakeConnection['ticket']): void => {
        connection.ticket = ticket
        opened.push(name)
      }
      desk.admission.admit(connection, address, open, acceptedAt)
      return connection
    },
    fleet: (count, address) => Array.from({ length: count }, (_, i) => desk.arrive(address, `${address}#${i}`)),
  }
  const all: FakeConnection[] = []
  t.after(() => {
    desk.admission.close()
    for (const connection of all) connection.destroy()
  })
  return desk
}

const refusals = (desk: Desk, reason: RefusalReason): number => desk.admission.counters().refused[reason]

describe('caps', PATIENCE, () => {
  test('a connection over the cap on connections is destroyed, and one that closes makes room', async (t) => {
    const desk = aDesk(t, { connections: 3 })
    const [first, ...others] = desk.fleet(3, '10.0.0.1')
    for (const one of [first, ...others]) one?.ticket?.loggedIn()
    const fourth = desk.arrive('10.0.0.2')
    assert.equal(fourth.destroyed, true)
    assert.equal(fourth.ticket, undefined)
    assert.equal(refusals(desk, 'connections'), 1)

    assert.ok(first)
    first.destroy()
    assert.equal(desk.arrive('10.0.0.3').destroyed, true, 'the place is free when the stream has closed, not before')
    await once(first, 'close')
    assert.notEqual(desk.arrive('10.0.0.4').ticket, undefined)
  })

  test('one address cannot hold more than its share, while another still gets in', (t) => {
    const desk = aDesk(t, { perAddress: 5 })
    const many = desk.fleet(8, '10.0.0.1')
    assert.equal(many.filter((one) => one.destroyed).length, 3)
    assert.equal(refusals(desk, 'per-address'), 3)
    assert.notEqual(desk.arrive('10.0.0.2').ticket, undefined)
  })

  test('connections that wait count for their address', (t) => {
    const desk = aDesk(t, { perAddress: 5 })
    desk.busy = true
    assert.equal(desk.fleet(8, '10.0.0.1').filter((one) => one.destroyed).length, 3)
  })

  test('one IPv6 network is one address', (t) => {
    const desk = aDesk(t, { perAddress: 2 })
    const destroyed = ['2001:db8::1', '2001:db8::2', '2001:db8::3', '2001:db8:0:1::1'].map(
      (address) => desk.arrive(address).destroyed,
    )
    assert.deepEqual(destroyed, [false, false, true, false])
  })

  test('those who logged in no longer count as not logged in', (t) => {
    const desk = aDesk(t, { notLoggedIn: 2 })
    const [first] = desk.fleet(3, '10.0.0.1')
    assert.deepEqual(desk.opened, ['10.0.0.1#0', '10.0.0.1#1'])
    first?.ticket?.connectRead()
    assert.equal(desk.opened.length, 2, 'a CONNECT that was read is not yet a login')
    first?.ticket?.loggedIn()
    assert.equal(desk.opened.length, 3)
  })

  test('limits that are no numbers are a mistake of the program', () => {
    for (const connections of [0, -1, 1.5, Number.NaN]) {
      const limits = { ...LIMITS, connections }
      assert.throws(() => createAdmission({ limits, busy: () => false, log: aLog() }), /limits\.connections/)
    }
  })
})

describe('the deadline', PATIENCE, () => {
  test('whoever has not logged in by then is destroyed, CONNECT or not', async (t) => {
    const desk = aDesk(t, { connectDeadlineMs: 60 })
    const mute = desk.arrive('10.0.0.1')
    const answering = desk.arrive('10.0.0.2')
    const device = desk.arrive('10.0.0.3')
    answering.ticket?.connectRead()
    device.ticket?.loggedIn()
    await Promise.all([once(mute, 'close'), once(answering, 'close')])
    assert.equal(device.destroyed, false)
    assert.equal(refusals(desk, 'deadline'), 2)
  })

  test('counts what was spent before admission was asked', async (t) => {
    const desk = aDesk(t, { connectDeadlineMs: 10_000 })
    const late = desk.arrive('10.0.0.1', 'late', performance.now() - 10_001)
    assert.equal(late.destroyed, true)
    assert.equal(late.ticket, undefined)
    const nearly = desk.arrive('10.0.0.1', 'nearly', performance.now() - 9_950)
    assert.equal(nearly.destroyed, false)
    await once(nearly, 'close')
  })

  test('does not run while a connection waits to be let in', async (t) => {
    const desk = aDesk(t, { connectDeadlineMs: 60 })
    desk.busy = true
    const waiting = desk.arrive('10.0.0.1', 'waiting')
    const started = performance.now()
    await until(() => performance.now() - started > 120)
    assert.equal(waiting.destroyed, false)
    desk.busy = false
    await until(() => waiting.ticket !== undefined)
    assert.equal(waiting.destroyed, false)
    await once(waiting, 'close')
    assert.equal(refusals(desk, 'deadline'), 1)
  })

  test('waiting has an end of its own', async (t) => {
    const desk = aDesk(t, { waitMs: 30 })
    desk.busy = true
    const waiting = desk.arrive('10.0.0.1')
    await once(waiting, 'close')
    assert.equal(refusals(desk, 'waited'), 1)
    assert.equal(desk.admission.counters().waiting, 0)
  })
})

describe('the waiting room', PATIENCE, () => {
  test('while logins are behind nobody is let in and nobody is refused', async (t) => {
    const desk = aDesk(t)
    desk.busy = true
    const fleet = desk.fleet(40, '10.0.0.1')
    assert.equal(desk.admission.counters().waiting, 40)
    assert.equal(desk.opened.length, 0)
    desk.busy = false
    await until(() => desk.opened.length === 40)
    assert.ok(fleet.every((one) => !one.destroyed))
  })

  test('serves the addresses in turn, so a flood from one does not starve the others', async (t) => {
    const desk = aDesk(t)
    desk.busy = true
    desk.fleet(30, '10.6.6.6')
    desk.arrive('10.0.0.1', 'a1')
    desk.arrive('10.0.0.2', 'b1')
    desk.arrive('10.0.0.1', 'a2')
    desk.busy = false
    await until(() => desk.opened.length >= 7)
    assert.deepEqual(desk.opened.slice(0, 7), [
      '10.6.6.6#0',
      'a1',
      'b1',
      '10.6.6.6#1',
      'a2',
      '10.6.6.6#2',
      '10.6.6.6#3',
    ])
  })

  test('full, it ends the newest of the address that crowds it, whoever comes', (t) => {
    const desk = aDesk(t, { waitingRoom: 4 })
    desk.busy = true
    const flood = desk.fleet(6, '10.6.6.6')
    const device = desk.arrive('10.0.0.1')
    assert.deepEqual(
      flood.map((one) => one.destroyed),
      [false, false, false, true, true, true],
    )
    assert.equal(device.destroyed, false)
    assert.equal(refusals(desk, 'waiting-room'), 3)
  })

  test('is left by a connection that closes', async (t) => {
    const desk = aDesk(t)
    desk.busy = true
    const waiting = desk.arrive('10.0.0.1')
    waiting.destroy()
    await once(waiting, 'close')
    assert.equal(desk.admission.counters().waiting, 0)
    assert.equal(desk.admission.counters().addresses, 0)
  })

  test('a storm is let in by batches, so that what the first ones bring is seen before the next', async (t) => {
    const desk = aDesk(t, { connections: 1_000, notLoggedIn: 1_000, perAddress: 1_000, waitingRoom: 1_000 })
    desk.fleet(500, '10.0.0.1')
    const atOnce = desk.opened.length
    assert.ok(atOnce > 0 && atOnce < 500)
    desk.busy = true
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(desk.opened.length, atOnce)
    desk.busy = false
    await until(() => desk.opened.length === 500)
  })
})

describe('silent connections', PATIENCE, () => {
  test('make room for those who wait, oldest of the busiest address first; whoever has sent its CONNECT stays', async (t) => {
    const desk = aDesk(t, { notLoggedIn: 5 })
    const answering = desk.arrive('10.6.6.6', 'answering')
    answering.ticket?.connectRead()
    const slow = desk.fleet(3, '10.6.6.6')
    const other = desk.arrive('10.0.0.8')
    const started = performance.now()
    const device = desk.arrive('10.0.0.1')
    assert.equal(device.ticket, undefined)
    await until(() => device.ticket !== undefined)
    assert.ok(performance.now() - started >= 900, 'not before they had a second to speak')
    const destroyed = (): boolean[] => [...slow, other, answering].map((one) => one.destroyed)
    assert.deepEqual(destroyed(), [true, false, false, false, false])
    const next = desk.arrive('10.0.0.2')
    await until(() => next.ticket !== undefined)
    assert.deepEqual(destroyed(), [true, true, false, false, false])
    assert.equal(refusals(desk, 'silent'), 2)
  })

  test('are given less time when those who wait would fill their places several times over', async (t) => {
    const desk = aDesk(t, { notLoggedIn: 2, perAddress: 100 })
    desk.fleet(20, '10.6.6.6')
    const started = performance.now()
    const device = desk.arrive('10.6.6.6')
    await until(() => device.ticket !== undefined)
    const tookMs = performance.now() - started
    // Ten generations of two stand before it, a quarter of a second each.
    assert.ok(tookMs >= 2_000 && tookMs < 8_000, `${tookMs} ms`)
  })

  test('stay as long as nobody waits', async (t) => {
    const desk = aDesk(t, { notLoggedIn: 2 })
    const silent = desk.fleet(2, '10.6.6.6')
    const started = performance.now()
    await until(() => performance.now() - started > 1_200)
    assert.ok(silent.every((one) => !one.destroyed))
  })

  test('also make room under the cap on connections', async (t) => {
    const desk = aDesk(t, { connections: 2, notLoggedIn: 2 })
    const silent = desk.fleet(2, '10.6.6.6')
    // On a busy machine patience lasts longer than a second of the clock: whoever comes before its end is turned away.
    let device = desk.arrive('10.0.0.1')
    await until(() => {
      if (device.destroyed) device = desk.arrive('10.0.0.1')
      return device.ticket !== undefined
    })
    assert.deepEqual(
      silent.map((one) => one.destroyed),
      [true, false],
    )
  })

  test('are not blamed for a server that did not listen', async (t) => {
    const desk = aDesk(t, { notLoggedIn: 2 })
    const silent = desk.fleet(2, '10.0.0.1')
    desk.arrive('10.0.0.2', 'waiting')
    // The loop is away for longer than a client may be silent.
    const started = performance.now()
    while (performance.now() - started < 1_300);
    const turns = performance.now()
    await until(() => performance.now() - turns > 300)
    assert.ok(silent.every((one) => !one.destroyed))
  })
})

describe('the books', PATIENCE, () => {
  test('go back to zero when everything has closed, however each one went', async (t) => {
    const desk = aDesk(t, { notLoggedIn: 4, connectDeadlineMs: 80 })
    const fleet = desk.fleet(10, '10.0.0.1')
    fleet[0]?.ticket?.loggedIn()
    fleet[1]?.ticket?.connectRead()
    fleet[2]?.destroy()
    await until(() => desk.opened.length === 10)
    for (const one of fleet) one.destroy()
    await until(() => desk.admission.counters().addresses === 0)
    const { refused: _, ...counters } = desk.admission.counters()
    assert.deepEqual(counters, { connections: 0, notLoggedIn: 0, waiting: 0, addresses: 0 })
  })

  test('a ticket that speaks after its connection closed changes nothing', async (t) => {
    const desk = aDesk(t)
    const one = desk.arrive('10.0.0.1')
    one.destroy()
    await once(one, 'close')
    one.ticket?.connectRead()
    one.ticket?.loggedIn()
    one.ticket?.loggedIn()
    assert.equal(desk.admission.counters().notLoggedIn, 0)
  })

  test('refusals are told at once and then every ten seconds with their number', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const desk = aDesk(t, { perAddress: 1 })
    const [device] = desk.fleet(4, '10.0.0.1')
    device?.ticket?.loggedIn()
    const told = (): unknown[] => desk.log.lines.map(({ event, reason, count }) => [event, reason, count])
    assert.deepEqual(told(), [['connections-refused', 'per-address', 1]])
    t.mock.timers.tick(10_000)
    assert.deepEqual(told().at(-1), ['connections-refused', 'per-address', 2])
    t.mock.timers.tick(60_000)
    assert.equal(told().length, 2)
    desk.fleet(1, '10.0.0.1')
    assert.equal(told().length, 3)
  })

  test('closing ends those who wait and refuses those who come; those let in are left to their doors', (t) => {
    const desk = aDesk(t)
    const inside = desk.arrive('10.0.0.1')
    desk.busy = true
    const waiting = desk.arrive('10.0.0.1')
    desk.admission.close()
    const late = desk.arrive('10.0.0.1')
    assert.deepEqual([inside.destroyed, waiting.destroyed, late.destroyed], [false, true, true])
  })
})

describe('addresses', () => {
  test('an IPv4 address in IPv6 clothes is the IPv4 address', () => {
    for (const [given, plain] of [
      ['::ffff:10.0.0.1', '10.0.0.1'],
      ['10.0.0.1', '10.0.0.1'],
      ['::1', '::1'],
    ] as const) {
      assert.equal(plainAddress(given), plain)
    }
  })

  test('the network of an IPv6 address is its first 64 bits', () => {
    for (const [address, network] of [
      ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
      ['2001:0db8:1::6', '2001:db8:1:0::/64'],
      ['::1', '0:0:0:0::/64'],
      ['1::', '1:0:0:0::/64'],
      ['fe80::1%eth0', 'fe80:0:0:0::/64'],
      ['10.0.0.1', '10.0.0.1'],
    ] as const) {
      assert.equal(networkOf(address), network)
    }
  })
})
