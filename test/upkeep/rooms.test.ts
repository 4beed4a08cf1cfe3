import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { MemoryLevel } from 'memory-level'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { JournalStore } from '../../registry/journal/journal-store.ts'
import { Journal, JOURNAL_DEFAULTS } from '../../registry/journal/journal.ts'
import { META, openDatabase, type KeyBounds, type StoredRecord } from '../../storage/index.ts'
import { Backups, restoreBackup, verifyBackup } from '../../upkeep/index.ts'
import { placeOf, StoreAudit } from '../../upkeep/store-audit.ts'
import { contentsOfStore, fillStore, JOURNAL_ENTRIES, type StoreContents } from '../support/full-store.ts'
import { memoryLog } from '../support/log.ts'
import { memoryDatabase } from '../support/registry.ts'

let parent: string
let rooms: readonly string[]
let contents: StoreContents
before(async () => {
  parent = await mkdtemp(join(tmpdir(), 'mooring-rooms-'))
  rooms = await fillStore(join(parent, 'data'))
  contents = withoutMeta(await contentsOfStore(join(parent, 'data')))
})
after(() => rm(parent, { recursive: true }))

const withoutMeta = (all: StoreContents): StoreContents =>
  new Map([...all].filter(([key]) => !key.startsWith(`!${META}!`)))

async function* recordsOf(store: StoreContents, { gte, lt }: KeyBounds): AsyncGenerator<StoredRecord> {
  for (const name of [...store.keys()].toSorted()) {
    const key = Buffer.from(name, 'latin1')
    if ((gte === undefined || key.compare(gte) >= 0) && (lt === undefined || key.compare(lt) < 0)) {
      yield [key, store.get(name)!]
    }
  }
}

async function audited(store: StoreContents): Promise<{ faults: readonly string[]; left: StoreContents }> {
  const audit = new StoreAudit()
  await audit.seeAll((bounds) => recordsOf(store, bounds))
  audit.conclude()
  const left: StoreContents = new Map()
  for await (const [key, value] of audit.corrected((bounds) => recordsOf(store, bounds))) {
    left.set(key.toString('latin1'), value)
  }
  return { faults: audit.faults.map(({ room, key, problem }) => `${room} ${key} ${problem}`), left }
}

/** The key of the record of a room that is like this. */
function keyIn(store: StoreContents, room: string, pattern = /./): string {
  const found = [...store.keys()].find((key) => key.startsWith(`!${room}!`) && pattern.test(key.slice(room.length + 2)))
  assert.ok(found !== undefined, `${room} holds something like ${pattern}`)
  return found
}

const changed = (store: StoreContents, key: string, change: (record: Record<string, unknown>) => unknown): void => {
  const record: Record<string, unknown> = JSON.parse(String(store.get(key)))
  store.set(key, Buffer.from(JSON.stringify(change(record))))
}

test('there is something in every room of a full store, and nothing is wrong with it', async () => {
  const filled = new Set([...contents.keys()].map((key) => placeOf(Buffer.from(key, 'latin1')).room))
  assert.deepEqual([...filled].toSorted(), rooms)
  const { faults, left } = await audited(contents)
  assert.deepEqual(faults, [])
  assert.deepEqual(left, contents)
})

test('every room is in a backup and comes back from it', async () => {
  const database = await openDatabase(join(parent, 'data'))
  const file = join(parent, 'backup')
  await (await Backups.open(database, '1.2.3')).create(file)
  await database.close()
  assert.deepEqual(Object.keys((await verifyBackup(file)).records).toSorted(), rooms)
  await restoreBackup(file, join(parent, 'restored'))
  assert.deepEqual(withoutMeta(await contentsOfStore(join(parent, 'restored'))), contents)
})

/** Of these a record that cannot be read is dropped with what goes with it; `also` says what. */
const dropped: { room: string; pattern?: RegExp; is: string }[] = [
  { room: 'tokens', is: 'is not a token' },
  { room: 'may-return', is: 'does not say whether a device may come back' },
  { room: 'api-tokens', is: 'is not an API token' },
  { room: 'admin-sessions', is: 'is not a session' },
  { room: 'admin-replays', is: 'is not an answer to give again' },
  { room: 'approvals', is: 'is not an approval' },
  { room: 'registry-meta', is: 'does not say how manufacturer IDs are compared' },
]
for (const { room, is } of dropped) {
  for (const [how, value] of [
    ['is no JSON', '{"id":'],
    ['lacks its fields', '{}'],
  ] as const) {
    test(`a record of ${room} that ${how} is named and dropped`, async () => {
      const store = new Map(contents)
      const key = keyIn(store, room)
      store.set(key, Buffer.from(value))
      const { faults, left } = await audited(store)
      assert.ok(faults.includes(`${room} ${key.slice(room.length + 2)} ${is}`), faults.join('\n'))
      assert.equal(left.has(key), false)
      assert.deepEqual((await audited(left)).faults, [], 'once is enough')
    })
  }
}

/** What other records tell again, or what goes when something it belongs to is gone. */
const cases: { name: string; harm: (store: StoreContents) => unknown; says: RegExp; gone?: readonly RegExp[] }[] = [
  {
    name: 'a use of a token that is lost is counted again',
    harm: (store) => store.delete(keyIn(store, 'token-devices')),
    says: /^token-devices tok_\w+\/\w+ is missing, and the device \w+ registered with the token tok_\w+$/,
  },
  {
    name: 'a use that names no device is dropped',
    harm: (store) => store.set('!token-devices!tok_1', Buffer.from('192.0.2.1')),
    says: /^token-devices tok_1 does not say which token made which device$/,
  },
  {
    name: 'a lost facet of a device is in the index again',
    harm: (store) => store.delete(keyIn(store, 'device-facets', /north/)),
    says: /^device-facets \["tag","site","north"\]\w+ is missing, and its device is there$/,
  },
  {
    name: 'a facet that a device does not have leaves the index',
    harm: (store) =>
      store.set(keyIn(store, 'device-facets', /disabled/).replace('disabled', 'quarantined'), Buffer.alloc(0)),
    says: /^device-facets \["state","quarantined"\]\w+ leads to a device that is not there, or is otherwise$/,
  },
  {
    name: 'a device that is dropped leaves the index, and may not come back',
    harm: (store) => store.set(keyIn(store, 'devices'), Buffer.from('{')),
    says: /^may-return \w+ belongs to the device \w+, which is not there$/,
    gone: [
      /^!devices!/,
      /^!by-manufacturer-id!/,
      /^!access-keys!/,
      /^!keys-by-device!/,
      /^!may-return!/,
      /^!device-facets!/,
    ],
  },
  {
    name: 'a session goes with its account',
    harm: (store) => store.set(keyIn(store, 'admin-accounts'), Buffer.from('{')),
    says: /^admin-sessions \S+ is of the account root, which is not there$/,
    gone: [/^!admin-accounts!/, /^!admin-sessions!/],
  },
  {
    name: 'which allow-list is in force is told by the only one there is',
    harm: (store) => store.set(keyIn(store, 'allow-list-state'), Buffer.from('{')),
    says: /^allow-list-state current is to say that the list with 1 entries is in force, the only one there is$/,
  },
]
for (const { name, harm, says, gone } of cases) {
  test(`of the records of a store: ${name}`, async () => {
    const store = new Map(contents)
    harm(store)
    const { faults, left } = await audited(store)
    assert.ok(
      faults.some((fault) => says.test(fault)),
      faults.join('\n'),
    )
    const lost = [...contents.keys()].filter((key) => !left.has(key))
    for (const key of lost)
      assert.ok(
        gone?.some((room) => room.test(key)),
        key,
      )
    for (const room of gone ?? [])
      assert.ok(
        lost.some((key) => room.test(key)),
        `${room} lost something`,
      )
    assert.deepEqual(
      [...left.keys()].filter((key) => !contents.has(key)),
      [],
    )
    assert.deepEqual((await audited(left)).faults, [], 'once is enough')
  })
}

test('when the key that signs is lost one that verifies signs, and a retired one never does', async () => {
  for (const state of ['verifying', 'retired']) {
    const store = new Map(contents)
    const signing = keyIn(store, 'signing-keys', /^key_/)
    const shared = keyIn(store, 'signing-keys', /^shared/)
    store.set(signing, Buffer.from('{'))
    changed(store, shared, (record) => ({ ...record, state }))
    const { faults, left } = await audited(store)
    assert.ok(
      faults.some((fault) => fault.endsWith(' must sign: no key is left that does')),
      faults.join('\n'),
    )
    const kept = [...left].flatMap(([key, value]): { kid: string; state: string }[] =>
      key.startsWith('!signing-keys!') ? [JSON.parse(String(value))] : [],
    )
    const active = kept.filter((key) => key.state === 'active').map(({ kid }) => kid)
    assert.equal(active.length, 1)
    assert.equal(active[0] === 'shared', state === 'verifying')
    assert.deepEqual((await audited(left)).faults, [])
  }
})

// ---- the journal

const entryKey = (seq: number): string => `!journal!${String(seq).padStart(16, '0')}`

/** What becomes of a journal of nine entries. */
const breaks: { name: string; harm: (store: StoreContents) => unknown; left: readonly number[]; lost: number }[] = [
  { name: 'an entry in its middle is missing', harm: (s) => s.delete(entryKey(4)), left: [6, 7, 8, 9], lost: 5 },
  { name: 'an entry is no entry', harm: (s) => s.set(entryKey(3), Buffer.from('{}')), left: [5, 6, 7, 8, 9], lost: 4 },
  {
    name: 'what an entry says was changed',
    harm: (s) => s.set(entryKey(8), Buffer.from(String(s.get(entryKey(8))).replace('device.list', 'device.tell'))),
    left: [1, 2, 3, 4, 5, 6, 7],
    lost: 2,
  },
  {
    name: 'its newest entries are missing',
    harm: (s) => s.delete(entryKey(9)),
    left: [1, 2, 3, 4, 5, 6, 7, 8],
    lost: 1,
  },
  { name: 'its first entry is missing', harm: (s) => s.delete(entryKey(1)), left: [3, 4, 5, 6, 7, 8, 9], lost: 2 },
  {
    name: 'all its entries are missing',
    harm: (s) => {
      for (let seq = 1; seq <= JOURNAL_ENTRIES; seq++) s.delete(entryKey(seq))
    },
    left: [],
    lost: 9,
  },
  {
    name: 'it is broken twice',
    harm: (s) => {
      s.delete(entryKey(2))
      s.set(entryKey(7), Buffer.from('x'))
    },
    left: [4, 5, 6],
    lost: 6,
  },
]
for (const { name, harm, left: kept, lost } of breaks) {
  test(`a journal of which ${name}: what holds together is left, and an entry says what is gone`, async (t) => {
    const store = new Map(contents)
    harm(store)
    const { faults, left } = await audited(store)
    assert.ok(
      faults.some((fault) => /^journal \d+ is to say what is lost/.test(fault)),
      faults.join('\n'),
    )
    assert.deepEqual((await audited(left)).faults, [], 'once is enough')

    const database = memoryDatabase(new MemoryLevel())
    t.after(() => database.level.close())
    await database.writer.join((commit) => {
      for (const [key, value] of left) commit.put(Buffer.from(key, 'latin1'), value)
    })
    const entries = new JournalStore(database)
    await entries.open()
    const clocks = { now: () => new Date(), elapsedMs: () => performance.now() }
    const journal = new Journal({ store: entries, limits: JOURNAL_DEFAULTS, log: memoryLog(), ...clocks })
    assert.equal((await journal.verify()).whole, true)
    const listed = (await journal.list({ limit: 100, after: 0, filter: {} })).entries
    const last = listed.at(-1)
    assert.deepEqual(
      listed.slice(0, -1).map(({ seq }) => seq),
      kept,
    )
    assert.deepEqual([last?.kind, last?.result, last?.count], ['journal', 'lost', lost])
    assert.match(last?.reason ?? '', /^store repaired: of the entries 1 to 9 /)
    const stored = [...left.keys()].filter((key) => key.startsWith('!journal!'))
    assert.equal(stored.length, kept.length + 1, 'nothing is left behind that no chain leads to')
  })
}

const heads: { name: string; harm: (store: StoreContents) => unknown; says: RegExp }[] = [
  {
    name: 'how much it takes is wrong',
    harm: (store) => changed(store, '!journal-meta!head', (head) => ({ ...head, bytes: 1 })),
    says: /^journal-meta head does not say where the journal ends and how much it takes$/,
  },
  {
    name: 'its end is older than its entries',
    harm: (store) => changed(store, '!journal-meta!head', (head) => ({ ...head, seq: 5 })),
    says: /^journal-meta head does not say where the journal ends and how much it takes$/,
  },
  {
    name: 'its end is missing',
    harm: (store) => store.delete('!journal-meta!head'),
    says: /^journal-meta head does not say where the journal ends and how much it takes$/,
  },
]
for (const { name, harm, says } of heads) {
  test(`a journal of which ${name} loses nothing`, async () => {
    const store = new Map(contents)
    harm(store)
    const { faults, left } = await audited(store)
    assert.equal(faults.length, 1, faults.join('\n'))
    assert.match(faults[0] ?? '', says)
    const { closed: _, ...head } = JSON.parse(String(left.get('!journal-meta!head'))) as Record<string, unknown>
    const { closed: __, ...was } = JSON.parse(String(contents.get('!journal-meta!head'))) as Record<string, unknown>
    assert.deepEqual(head, was)
    assert.deepEqual((await audited(left)).faults, [])
  })
}
