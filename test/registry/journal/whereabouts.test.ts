import assert from 'node:assert/strict'
import { test } from 'node:test'
import { placeOf } from '../../../registry/journal/place.ts'
import { Whereabouts, type Suspicion } from '../../../registry/journal/whereabouts.ts'

interface Visit {
  readonly from: string
  /** Since the one before. */
  readonly seconds?: number
  readonly takesOver?: boolean
}

const A = '192.0.2.1'
const B = '198.51.100.1'
const repeated = (visits: readonly Visit[], times: number): Visit[] =>
  Array.from({ length: times }, () => visits).flat()

function suspicions(visits: readonly Visit[]): Suspicion[] {
  const whereabouts = new Whereabouts()
  let at = 1_800_000_000_000
  return visits.flatMap(({ from, seconds = 5, takesOver = true }) => {
    at += seconds * 1_000
    return whereabouts.loggedIn('d', { at, address: from, transport: 'tcp', loggedIn: true }, takesOver) ?? []
  })
}

const harmless: readonly { name: string; visits: readonly Visit[] }[] = [
  { name: 'a device that reconnects', visits: repeated([{ from: A, takesOver: false }], 50) },
  { name: 'a device that moves to another network', visits: [{ from: A }, { from: B }, { from: B }, { from: B }] },
  { name: 'a device that moves there and back', visits: [{ from: A }, { from: B }, { from: A }] },
  { name: 'a device that roams', visits: Array.from({ length: 9 }, (_, index) => ({ from: `192.0.2.${index}` })) },
  { name: 'a device whose connections break every two minutes', visits: repeated([{ from: A, seconds: 120 }], 50) },
  {
    name: 'a device that uses two networks in turn and leaves each properly',
    visits: repeated(
      [
        { from: A, takesOver: false },
        { from: B, takesOver: false },
      ],
      50,
    ),
  },
  {
    name: 'a device with changing addresses of one IPv6 line',
    visits: repeated([{ from: '2001:db8::1' }, { from: '2001:db8:0:0:ffff::2' }], 4),
  },
]
for (const { name, visits } of harmless) {
  test(`no clone is suspected of ${name}`, () => {
    assert.deepEqual(suspicions(visits), [])
  })
}

test('two connections from two places that keep throwing each other out are suspected, once', () => {
  assert.deepEqual(suspicions(repeated([{ from: A }, { from: B }], 20)), [
    { address: A, otherAddress: B, reason: 'connections from two places take the place of each other' },
  ])
})

test('two connections behind one address that keep throwing each other out are suspected, and again an hour later', () => {
  const reason = 'connections keep taking the place of each other'
  assert.deepEqual(suspicions(repeated([{ from: A, seconds: 2 }], 2_000)), [
    { address: A, otherAddress: A, reason },
    { address: A, otherAddress: A, reason },
  ])
})

test('a manufacturer ID that registers from where its device is, or a day later, is not suspected', () => {
  for (const [address, hours] of [
    [A, 1],
    [B, 25],
  ] as const) {
    const whereabouts = new Whereabouts()
    whereabouts.loggedIn('d', { at: 0, address: A, transport: 'tcp', loggedIn: true }, false)
    const again = { at: hours * 3_600_000, address, transport: 'http', loggedIn: false }
    assert.equal(whereabouts.registered('d', again), undefined)
  }
})

test('a manufacturer ID that registers from two places within a day is suspected', () => {
  const whereabouts = new Whereabouts()
  assert.equal(whereabouts.registered('d', { at: 0, address: A, transport: 'http', loggedIn: false }), undefined)
  const again = { at: 3_600_000, address: B, transport: 'http', loggedIn: false }
  assert.deepEqual(whereabouts.registered('d', again), {
    address: B,
    otherAddress: A,
    reason: 'one manufacturer ID registers from two places',
  })
  assert.equal(whereabouts.of('d')?.address, A)
})

test('a place is an IPv4 address or the /64 of an IPv6 one, however it is written', () => {
  assert.equal(placeOf(A), A)
  const same = ['2001:db8::1', '2001:DB8:0:0::ffff', '2001:0db8:0000:0000:0001:0002:0003:0004', '2001:db8::1%eth0']
  assert.deepEqual(new Set(same.map(placeOf)), new Set(['2001:db8:0:0']))
  assert.notEqual(placeOf('2001:db8:0:1::1'), '2001:db8:0:0')
})
