import assert from 'node:assert/strict'
import { MemoryLevel } from 'memory-level'
import { test } from 'node:test'
import { Writer, type WriteOperation, type WriterParts } from '../../storage/index.ts'

const put = (key: string, value: string): WriteOperation => ({ type: 'put', key, value })

/** A writer over a level that notes the keys of each batch and how it was written, and fails when it is told to. */
async function aWriter(parts: Partial<WriterParts> = {}) {
  const level = new MemoryLevel()
  await level.open()
  const batches: string[][] = []
  const options: unknown[] = []
  let fail: Error | undefined
  const batch = level.batch.bind(level) as unknown as () => ReturnType<typeof level.batch>
  level.batch = (() => {
    const chained = batch()
    const keys: string[] = []
    batches.push(keys)
    const [putOne, write] = [chained.put.bind(chained), chained.write.bind(chained)]
    chained.put = ((key: string | Buffer, ...rest: never[]) => {
      keys.push(key.toString())
      return Reflect.apply(putOne, chained, [key, ...rest])
    }) as typeof putOne
    chained.write = async (given?: object) => {
      options.push(given)
      if (fail !== undefined) throw fail
      await write(given ?? {})
    }
    return chained
  }) as unknown as typeof level.batch
  const commits: number[] = []
  const writer = new Writer({
    level,
    lastCommit: 41,
    commitKey: Buffer.from('commit'),
    synced: (commit) => commits.push(commit),
    ...parts,
  })
  return { level, writer, batches, options, commits, failWith: (error?: Error) => void (fail = error) }
}

test('writes that arrive together become one commit, and each commit is synced', async () => {
  const { level, writer, batches, options, commits } = await aWriter()
  await Promise.all([writer.write([put('a', '1')]), writer.write([put('b', '2'), put('c', '3')])])
  assert.deepEqual(batches, [['a', 'b', 'c', 'commit']])
  assert.deepEqual(options, [{ sync: true }])
  assert.deepEqual(commits, [42])
  assert.equal(await level.get('commit'), '42')
})

test('writes keep the order of their calls, across commits', async () => {
  const { level, writer, batches } = await aWriter()
  const writes = Array.from({ length: 2000 }, async (_, n) => {
    if (n % 100 === 0) await new Promise(setImmediate)
    await writer.write([put('key', `${n}`), put(`${n}`, '')])
  })
  await Promise.all(writes)
  assert.ok(batches.length > 1)
  const order = batches.flat().filter((key) => /^\d+$/.test(key))
  assert.equal(order.length, 2000)
  assert.equal(await level.get('key'), order.at(-1))
})

test('a commit that is already on its way gathers the next one behind it', async () => {
  const { writer, batches } = await aWriter()
  const first = writer.write([put('a', '1')])
  while (batches.length === 0) await new Promise(setImmediate)
  await Promise.all([first, writer.write([put('b', '2')]), writer.write([put('c', '3')])])
  assert.deepEqual(batches, [
    ['a', 'commit'],
    ['b', 'c', 'commit'],
  ])
})

test('a commit that fails fails for everyone in it and for nobody else', async () => {
  const { writer, failWith, commits } = await aWriter()
  failWith(new Error('No space left on device'))
  const failed = await Promise.allSettled([writer.write([put('a', '1')]), writer.write([put('b', '2')])])
  assert.deepEqual(
    failed.map((result) => result.status),
    ['rejected', 'rejected'],
  )
  failWith()
  await writer.write([put('c', '3')])
  assert.deepEqual(commits, [43], 'a number that was refused is not used again')
})

test('one commit is kept short however many callers wait', async () => {
  const { writer, batches } = await aWriter()
  await Promise.all(Array.from({ length: 5000 }, (_, n) => writer.write([put(`${n}`, '')])))
  assert.deepEqual(
    batches.map((batch) => batch.length),
    [4097, 905],
  )
})

test('who joins a commit is asked when it is put together, and answered in the order of the calls', async () => {
  const { level, writer, batches } = await aWriter()
  const answered: string[] = []
  let late = 'early'
  const joined = writer
    .join((commit) => commit.put(Buffer.from('joined'), Buffer.from(late)))
    .then(() => answered.push('joined'))
  const written = writer.write([put('written', '1')]).then(() => answered.push('written'))
  late = 'late'
  await Promise.all([joined, written])
  assert.deepEqual(batches, [['joined', 'written', 'commit']])
  assert.equal(await level.get('joined'), 'late')
  assert.deepEqual(answered, ['joined', 'written'])
})

test('who throws while the commit is put together fails it, and the next one is written', async () => {
  const { level, writer } = await aWriter()
  const failed = await Promise.allSettled([
    writer.write([put('a', '1')]),
    writer.join(() => {
      throw new TypeError('not a key')
    }),
  ])
  assert.deepEqual(
    failed.map((result) => result.status),
    ['rejected', 'rejected'],
  )
  await writer.write([put('b', '2')])
  assert.equal(await level.get('a'), undefined)
})
