import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { Level } from 'level'
import { MemoryLevel } from 'memory-level'
import { test } from 'node:test'
import { StoreUnavailable, type StoreLevel, type WriteOperation } from '../../../storage/index.ts'
import { aFolder } from '../../support/folder.ts'
import { memoryDatabase } from '../../support/registry.ts'
import { aJournal, aRegistration, START } from './support.ts'

const HUNDRED = Array.from({ length: 100 }, (_, index) => aRegistration(`A1-${index}`))
const keyOf = (seq: number): string => String(seq).padStart(16, '0')

/** What somebody with a hex editor could do. */
const forgeries: readonly { name: string; forge: (level: StoreLevel) => Promise<void>; at: number }[] = [
  {
    name: 'an entry that was changed',
    forge: async (level) => {
      const room = level.sublevel('journal')
      const text = await room.get(keyOf(40))
      await room.put(keyOf(40), String(text).replace('192.0.2.1', '192.0.2.9'))
    },
    at: 40,
  },
  {
    name: 'an entry that was taken out',
    forge: async (level) => await level.sublevel('journal').del(keyOf(40)),
    at: 40,
  },
  {
    name: 'an end that was cut off',
    forge: async (level) => await level.sublevel('journal').clear({ gte: keyOf(91) }),
    at: 91,
  },
  {
    name: 'an entry that took the place of another',
    forge: async (level) => {
      const room = level.sublevel('journal')
      await room.put(keyOf(40), String(await room.get(keyOf(39))))
    },
    at: 40,
  },
  {
    name: 'an end that was written over',
    forge: async (level) => {
      const room = level.sublevel('journal')
      await room.put(keyOf(100), '{"seq":100}')
    },
    at: 100,
  },
]

for (const { name, forge, at } of forgeries) {
  test(`verifying finds ${name}`, async (t) => {
    const { journal, level } = await aJournal(t)
    for (const facts of HUNDRED) journal.record(facts)
    assert.equal((await journal.verify()).whole, true)
    await forge(level)
    const verdict = await journal.verify()
    assert.equal(verdict.whole, false)
    assert.match(verdict.problem ?? '', new RegExp(`^Entry ${at} `))
    assert.equal(verdict.checked, at - 1)
  })
}

test('a journal that was written anew is found by an entry that was noted elsewhere', async (t) => {
  const { journal } = await aJournal(t)
  for (const facts of HUNDRED) journal.record(facts)
  const noted = (await journal.verify()).head
  assert.equal((await journal.verify(noted)).whole, true)

  const { journal: other } = await aJournal(t)
  for (const facts of HUNDRED.toReversed()) other.record(facts)
  assert.equal((await other.verify()).whole, true)
  const verdict = await other.verify(noted)
  assert.equal(verdict.whole, false)
  assert.match(verdict.problem ?? '', /^Entry 100 has another hash/)
  assert.match((await other.verify({ seq: 101, hash: noted.hash })).problem ?? '', /^Entry 101 is not in the journal/)
})

test('the chain can be checked with a line of the export and the hash before it', async (t) => {
  const { journal } = await aJournal(t)
  // Half a character, a line separator and a quote: what JSON may write in more ways than one.
  journal.record(aRegistration('A"\ud800\u2028ä'))
  journal.record(aRegistration('B'))
  const { entries } = await journal.list({ limit: 10, after: 0, filter: {} })
  let previous = '0'.repeat(64)
  for (const { hash, ...rest } of entries) {
    assert.equal(
      createHash('sha256')
        .update(previous + JSON.stringify(rest))
        .digest('hex'),
      hash,
    )
    previous = hash
  }
  assert.equal(entries.length, 2)
})

test('entries that many record at once come in their order, without gaps, also in what is opened next', async (t) => {
  const level = new MemoryLevel()
  const { journal } = await aJournal(t, { level })
  await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      if (index % 3 === 0) assert.equal(await journal.recordNow(aRegistration(`${index}`)), true)
      else journal.record(aRegistration(`${index}`))
    }),
  )
  await journal.close()
  const { journal: next } = await aJournal(t, { level })
  await next.recordNow(aRegistration('200'))
  const { entries } = await next.list({ limit: 1000, after: 0, filter: {} })
  assert.deepEqual(
    entries.map(({ seq, manufacturerId }) => [seq, manufacturerId]),
    Array.from({ length: 201 }, (_, index) => [index + 1, `${index}`]),
  )
  assert.equal((await next.verify()).whole, true)
})

const faults = [
  { name: 'was lost', arrives: false },
  { name: 'arrived, and was said to have failed', arrives: true },
]
for (const { name, arrives } of faults) {
  test(`a write that ${name} leaves every entry once in the chain`, async (t) => {
    const level = new MemoryLevel()
    const { writer } = memoryDatabase(level)
    let failures = 2
    const faulty = {
      async write(operations: readonly WriteOperation[]) {
        const fails = failures-- > 0
        if (!fails || arrives) await writer.write(operations)
        if (fails) throw new StoreUnavailable(new Error('Input/output error'))
      },
    }
    const { journal, log } = await aJournal(t, { level, writer: faulty })
    assert.equal(await journal.recordNow(aRegistration('A')), false)
    journal.record(aRegistration('B'))
    await journal.flush()
    assert.equal(await journal.recordNow(aRegistration('C')), true)
    const { entries } = await journal.list({ limit: 10, after: 0, filter: {} })
    assert.deepEqual(
      entries.map(({ manufacturerId }) => manufacturerId),
      ['A', 'B', 'C'],
    )
    assert.equal((await journal.verify()).whole, true)
    assert.deepEqual(
      log.lines.map(({ event }) => event),
      ['journal-failing', 'journal-mended'],
    )
    await journal.close()
  })
}

test('while nothing can be written a bounded number waits, and what was lost is told', async (t) => {
  const level = new MemoryLevel()
  const { writer } = memoryDatabase(level)
  let broken = true
  const faulty = {
    async write(operations: readonly WriteOperation[]) {
      if (broken) throw new StoreUnavailable(new Error('No space left on device'))
      await writer.write(operations)
    },
  }
  const { journal } = await aJournal(t, { level, writer: faulty })
  for (let index = 0; index < 10_500; index++) journal.record(aRegistration(`${index}`))
  await journal.flush()
  broken = false
  await journal.flush()
  await journal.recordNow(aRegistration('afterwards'))
  const lost = await journal.list({ limit: 1000, filter: { kind: 'journal' } })
  assert.deepEqual(
    lost.entries.map(({ result, count }) => [result, count]),
    [['lost', 500]],
  )
  assert.equal((await journal.verify()).checked, 10_002)
  await journal.close()
})

test('what is too old is removed, and what stays can still be checked', async (t) => {
  const { journal, clock } = await aJournal(t, { limits: { maxAgeMs: 86_400_000 } })
  for (const facts of HUNDRED) {
    journal.record(facts)
    clock.pass(60 * 60_000)
  }
  await journal.flush()
  const { entries, next } = await journal.list({ limit: 1000, filter: {} })
  assert.equal(next, undefined)
  assert.deepEqual([entries[0]?.seq, entries.at(-1)?.seq], [100, 77])
  const verdict = await journal.verify()
  assert.deepEqual([verdict.whole, verdict.checked, verdict.anchor.seq], [true, 24, 76])
})

test('a clock that was set removes nothing before it has gone evenly for an hour', async (t) => {
  const { journal, clock } = await aJournal(t, { limits: { maxAgeMs: 86_400_000 } })
  const seqs = async (): Promise<number[]> => {
    journal.record(aRegistration('A1'))
    return (await journal.list({ limit: 1000, after: 0, filter: {} })).entries.map(({ seq }) => seq)
  }
  await seqs()
  clock.ms += 20 * 365 * 86_400_000
  clock.pass(120_000)
  assert.deepEqual(await seqs(), [1, 2])
  // Set right again, and all of it is of today.
  clock.ms -= 20 * 365 * 86_400_000
  for (let minutes = 0; minutes < 120; minutes += 2) {
    clock.pass(120_000)
    await seqs()
  }
  assert.equal((await seqs())[0], 1)
  // The entry from the future does not keep the others.
  clock.pass(86_400_000)
  const [first] = await seqs()
  assert.ok(first !== undefined && first > 60, `${first}`)
  assert.equal((await journal.verify()).whole, true)
})

test('a start with a clock that is years ahead removes nothing', async (t) => {
  const level = new MemoryLevel()
  const limits = { maxAgeMs: 86_400_000 }
  const before = await aJournal(t, { level, limits })
  before.journal.record(aRegistration('A1'))
  await before.journal.flush()

  const { journal } = await aJournal(t, { level, limits, aheadMs: 20 * 365 * 86_400_000 })
  journal.record(aRegistration('A2'))
  const named = (await journal.list({ limit: 10, after: 0, filter: {} })).entries
  assert.deepEqual(
    named.map(({ manufacturerId }) => manufacturerId),
    ['A1', 'A2'],
  )
})

test('entries stand in the order in which they happened, whatever the clock said, and are found by its times', async (t) => {
  const { journal, clock } = await aJournal(t)
  const HOUR = 3_600_000
  for (const [index, ms] of [0, 5 * HOUR, -30 * HOUR, HOUR].entries()) {
    clock.ms = START.getTime() + ms
    journal.record(aRegistration(`${index}`))
  }
  const named = async (filter: { since?: string; until?: string }): Promise<unknown[]> =>
    (await journal.list({ limit: 10, after: 0, filter })).entries.map(({ manufacturerId }) => manufacturerId)
  assert.deepEqual(await named({}), ['0', '1', '2', '3'])
  assert.deepEqual(await named({ since: START.toISOString() }), ['0', '1', '3'])
  assert.deepEqual(await named({ until: START.toISOString() }), ['2'])
  assert.equal((await journal.verify()).whole, true)
})

test('a journal never grows far beyond its size, and what stays can still be checked', async (t) => {
  const { journal, level } = await aJournal(t, { limits: { maxBytes: 65_536 } })
  for (let index = 0; index < 5_000; index++) {
    journal.record(aRegistration(`${index}`, { reason: 'x'.repeat(100) }))
    if (index % 500 === 499) await journal.flush()
  }
  await journal.flush()
  const texts = await level.sublevel('journal').values().all()
  const bytes = texts.reduce((sum, text) => sum + text.length + 16, 0)
  assert.ok(bytes <= 65_536 && bytes > 55_000, `${bytes} bytes`)
  const verdict = await journal.verify()
  assert.deepEqual([verdict.whole, verdict.head.seq, verdict.checked], [true, 5_000, texts.length])
  const { entries } = await journal.list({ limit: 1, after: 0, filter: {} })
  assert.equal(entries[0]?.seq, verdict.anchor.seq + 1)
})

test('entries are found by what they are about, page by page in both directions', async (t) => {
  const { journal, clock } = await aJournal(t)
  for (let index = 0; index < 1_200; index++) {
    const device = { deviceId: `d${index % 3}`, tokenId: `t${index % 4}`, address: `192.0.2.${index % 5}` }
    journal.record(aRegistration(`M${index}`, { ...device, kind: index % 2 === 0 ? 'registration' : 'clone' }))
    clock.ms += 1_000
  }
  const at = (index: number): string => new Date(clock.ms - (1_200 - index) * 1_000).toISOString()
  const all = Array.from({ length: 1_200 }, (_, index) => index)
  const cases: readonly (readonly [
    filter: Parameters<typeof journal.list>[0]['filter'],
    wanted: (n: number) => boolean,
  ])[] = [
    [{ deviceId: 'd1' }, (n) => n % 3 === 1],
    [{ manufacturerId: 'M7' }, (n) => n === 7],
    [{ tokenId: 't2', kind: 'registration' }, (n) => n % 4 === 2],
    [{ address: '192.0.2.4', result: 'accepted' }, (n) => n % 5 === 4],
    [{ about: ['d0', 'M1'] }, (n) => n % 3 === 0 || n === 1],
    [{ about: ['192.0.2.3'] }, (n) => n % 5 === 3],
    [{ since: at(1_100), until: at(1_150) }, (n) => n >= 1_100 && n < 1_150],
    [{ until: at(3) }, (n) => n < 3],
    [{ deviceId: 'd' }, () => false],
  ]
  for (const [filter, wanted] of cases) {
    const expected = all.filter(wanted).map((index) => index + 1)
    const forwards: number[] = []
    for (let after: number | undefined = 0; after !== undefined;) {
      const page: Awaited<ReturnType<typeof journal.list>> = await journal.list({ limit: 70, after, filter })
      forwards.push(...page.entries.map(({ seq }) => seq))
      after = page.next
    }
    assert.deepEqual(forwards, expected, JSON.stringify(filter))
    const backwards: number[] = []
    let before: number | undefined
    do {
      const page: Awaited<ReturnType<typeof journal.list>> = await journal.list({ limit: 70, before, filter })
      backwards.push(...page.entries.map(({ seq }) => seq))
      before = page.next
    } while (before !== undefined)
    assert.deepEqual(backwards, expected.toReversed(), JSON.stringify(filter))
  }
})

test('entries that are longer than what the store reads ahead are all found', async (t) => {
  const { journal } = await aJournal(t, { level: new Level(await aFolder(t)) })
  for (let index = 0; index < 1_200; index++) journal.record(aRegistration('A', { reason: 'x'.repeat(1_000) }))
  const { entries } = await journal.list({ limit: 2_000, filter: { manufacturerId: 'A' } })
  assert.equal(entries.length, 1_200)
  assert.equal((await journal.verify()).checked, 1_200)
})

test('one question reads so much and no more, and says where to go on', async (t) => {
  const { journal } = await aJournal(t)
  journal.record(aRegistration('the oldest'))
  for (let index = 0; index < 60_000; index++) {
    journal.record(aRegistration('other'))
    if (index % 5_000 === 0) await journal.flush()
  }
  const filter = { manufacturerId: 'the oldest' }
  const first = await journal.list({ limit: 10, filter })
  assert.deepEqual([first.entries.length, first.next], [0, 10_002])
  const second = await journal.list({ limit: 10, before: first.next, filter })
  assert.deepEqual([second.entries.length, second.next], [1, undefined])
})
