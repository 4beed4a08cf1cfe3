import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RegistryAudit } from '../../registry/index.ts'
import { Findings } from '../../storage/index.ts'

type Rooms = Record<string, Record<string, unknown>>

const device = (id: string, manufacturerId: string, registeredAt = '2026-01-01') => ({
  id,
  manufacturerId,
  name: `TL - ${manufacturerId}`,
  deviceClass: 'standalone',
  description: '',
  tags: [],
  attributes: [],
  registeredAt,
  disabled: false,
})
const deviceKey = (accessKey: string, deviceId: string, createdAt = '2026-01-01') => ({
  kind: 'device',
  accessKey,
  deviceId,
  secretHash: '$argon2id$',
  description: '',
  createdAt,
  disabled: false,
})
const serviceKey = (accessKey: string, name: string) => ({
  kind: 'service',
  accessKey,
  name,
  secretHash: '$argon2id$',
  description: '',
  createdAt: '2026-01-01',
  disabled: false,
  rules: { publish: [], subscribe: [], deny: [] },
})

const entry = (manufacturerId: string, line: number) => ({ manufacturerId, tags: [], note: '', line })
const approval = (manufacturerId: string, state: string) => ({
  manufacturerId,
  state,
  askedAt: '2026-01-01',
  address: '192.0.2.1',
})

/** Two whole devices and a service key. */
const sound = (): Rooms => ({
  devices: { d1: device('d1', 'M1'), d2: device('d2', 'M2') },
  'by-manufacturer-id': { M1: 'd1', M2: 'd2' },
  'access-keys': { k1: deviceKey('k1', 'd1'), k2: deviceKey('k2', 'd2'), k3: serviceKey('k3', 's') },
  'keys-by-device': { d1: 'k1', d2: 'k2' },
  'service-keys': { s: 'k3' },
  'allow-list': { '00000001:M1': entry('M1', 1), '00000001:M9': entry('M9', 2) },
  'allow-list-state': { current: { generation: 1, entries: 2, importedAt: '2026-01-01' } },
  approvals: { M2: approval('M2', 'approved') },
})

const bytesOf = (value: unknown): Buffer => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))

function audited(rooms: Rooms): Findings {
  const findings = new Findings()
  const audit = new RegistryAudit(findings)
  for (const room of Object.keys(rooms).toSorted()) {
    for (const [key, value] of Object.entries(rooms[room] ?? {})) audit.see(room, Buffer.from(key), bytesOf(value))
  }
  audit.conclude()
  return findings
}

/** The rooms as a repair would leave them. */
function corrected(rooms: Rooms): Rooms {
  const findings = audited(rooms)
  const left: Rooms = {}
  for (const [room, records] of Object.entries(rooms)) {
    const kept = Object.entries(records).filter(([key]) => findings.keeps(room, Buffer.from(key)))
    left[room] = Object.fromEntries(kept)
  }
  for (const [name, value] of findings.written()) {
    const [, room = '', key = ''] = /^!([^!]*)!(.*)$/.exec(name.toString()) ?? []
    const text = value.toString()
    left[room] = { ...left[room], [key]: text.startsWith('{') ? JSON.parse(text) : text }
  }
  return left
}

const withoutD1 = (): Rooms => {
  const rooms = sound()
  delete rooms['devices']!['d1']
  delete rooms['by-manufacturer-id']!['M1']
  delete rooms['access-keys']!['k1']
  delete rooms['keys-by-device']!['d1']
  return rooms
}

const cases: { name: string; harm: (rooms: Rooms) => unknown; says: RegExp; becomes: () => Rooms }[] = [
  {
    name: 'a device without its key',
    harm: (rooms) => delete rooms['access-keys']!['k1'],
    says: /^devices d1 has no access key; its manufacturer ID is M1$/,
    becomes: withoutD1,
  },
  {
    name: 'a key without its device',
    harm: (rooms) => delete rooms['devices']!['d1'],
    says: /^access-keys k1 belongs to the device d1, which is not there$/,
    becomes: withoutD1,
  },
  {
    name: 'a device that is no JSON',
    harm: (rooms) => (rooms['devices']!['d1'] = '{"id":"d1"'),
    says: /^devices d1 is not a device$/,
    becomes: withoutD1,
  },
  {
    name: 'a device under the key of another',
    harm: (rooms) => (rooms['devices']!['d1'] = device('d7', 'M1')),
    says: /^devices d1 is not a device$/,
    becomes: withoutD1,
  },
  {
    name: 'a key without a hash',
    harm: (rooms) => (rooms['access-keys']!['k1'] = { ...deviceKey('k1', 'd1'), secretHash: undefined }),
    says: /^access-keys k1 is not an access key$/,
    becomes: withoutD1,
  },
  {
    name: 'a lost index of manufacturer IDs',
    harm: (rooms) => (rooms['by-manufacturer-id'] = {}),
    says: /^by-manufacturer-id M1 is missing, and should lead to d1$/,
    becomes: sound,
  },
  {
    name: 'an index that leads to another device',
    harm: (rooms) => (rooms['by-manufacturer-id']!['M1'] = 'd2'),
    says: /^by-manufacturer-id M1 leads to d2, and should lead to d1$/,
    becomes: sound,
  },
  {
    name: 'an index that leads nowhere',
    harm: (rooms) => (rooms['by-manufacturer-id']!['M7'] = 'd7'),
    says: /^by-manufacturer-id M7 leads to a device that is not there$/,
    becomes: sound,
  },
  {
    name: 'lost indexes of keys',
    harm: (rooms) => {
      rooms['keys-by-device'] = {}
      rooms['service-keys'] = {}
    },
    says: /^service-keys s is missing, and should lead to k3$/,
    becomes: sound,
  },
  {
    name: 'a second key of a device, which a deletion that was lost left',
    harm: (rooms) => (rooms['access-keys']!['k9'] = deviceKey('k9', 'd1', '2027-01-01')),
    says: /^access-keys k9 is a second key of d1$/,
    becomes: sound,
  },
  {
    name: 'a device that was deleted and is back beside the one that took its place',
    harm: (rooms) => {
      rooms['devices']!['d0'] = device('d0', 'M1', '2025-01-01')
      rooms['access-keys']!['k0'] = deviceKey('k0', 'd0')
      rooms['keys-by-device']!['d0'] = 'k0'
    },
    says: /^devices d0 has the manufacturer ID M1, which is that of d1$/,
    becomes: sound,
  },
  {
    name: 'an allow-list that has lost an entry',
    harm: (rooms) => delete rooms['allow-list']!['00000001:M9'],
    says: /^allow-list-state current says that the allow-list has 2 entries, and 1 are there$/,
    becomes: () => {
      const rooms = sound()
      delete rooms['allow-list']!['00000001:M9']
      rooms['allow-list-state'] = { current: { generation: 1, entries: 1, importedAt: '2026-01-01' } }
      return rooms
    },
  },
  {
    name: 'an approval that is none',
    harm: (rooms) => (rooms['approvals']!['M3'] = '{}'),
    says: /^approvals M3 is not an approval$/,
    becomes: sound,
  },
]

for (const { name, harm, says, becomes } of cases) {
  test(`the registry's records: ${name}`, () => {
    const rooms = sound()
    harm(rooms)
    const told = audited(rooms).faults.map(({ room, key, problem }) => `${room} ${key} ${problem}`)
    assert.ok(
      told.some((line) => says.test(line)),
      told.join('\n'),
    )
    const left = corrected(rooms)
    assert.deepEqual(left, becomes())
    assert.deepEqual(audited(left).faults, [], 'once is enough')
  })
}

test("the registry's records: whole ones are left alone, and other rooms are not its business", () => {
  assert.deepEqual(audited(sound()).faults, [])
  assert.equal(new RegistryAudit(new Findings()).see('retained', Buffer.from('a'), Buffer.from('b')), false)
})

test("the registry's records: an index is by the form in which manufacturer IDs are compared", () => {
  const rooms = sound()
  rooms['registry-meta'] = { normalisation: 'upper' }
  rooms['devices'] = { d1: device('d1', 'm1'), d2: device('d2', 'm2') }
  assert.deepEqual(audited(rooms).faults, [])
  rooms['registry-meta'] = { normalisation: 'none' }
  assert.notDeepEqual(audited(rooms).faults, [])
})
