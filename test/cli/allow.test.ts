import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { aFolder } from '../support/folder.ts'
import { openRealStore, run } from './harness.ts'

async function aShell(t: TestContext) {
  const cwd = await aFolder(t)
  const mooring = (...argv: readonly string[]) => run([...argv, '--data', 'data'], { cwd, openLocal: openRealStore })
  const imported = async (text: string | Buffer, ...flags: readonly string[]) => {
    await writeFile(join(cwd, 'list.csv'), text)
    return await mooring('allow', 'import', 'list.csv', ...flags)
  }
  return { cwd, mooring, imported }
}

const refusedFiles: readonly { name: string; text: string; says: RegExp }[] = [
  { name: 'is empty', text: '', says: /list\.csv:1: the file is empty/ },
  {
    name: 'has no column manufacturerId',
    text: 'note\nx\n',
    says: /:1: the first row must name a column manufacturerId/,
  },
  { name: 'has a misspelt column', text: 'manufacturerId,tag\nA1,x\n', says: /:1: .*column "tag"; there are/ },
  { name: 'has a column twice', text: 'manufacturerId,note,note\n', says: /names the column note twice/ },
  { name: 'has a row with too many columns', text: 'manufacturerId\nA1\nA2,x\n', says: /:3: it has 2 columns/ },
  { name: 'has a row twice', text: 'manufacturerId\nA1\nA2\nA1\n', says: /:4: "A1" appears twice \(first at line 2\)/ },
  { name: 'has an ID that cannot be', text: 'manufacturerId\nA1\n"A\t2"\n', says: /:3: no device can have/ },
  { name: 'has a tag without a value', text: 'manufacturerId,tags\nA1,site\n', says: /:2: the tag "site" is not/ },
  { name: 'has an open quote', text: 'manufacturerId\nA1\n"A2\nA3\n', says: /a quote is opened and never closed/ },
  {
    name: 'has a line without an end',
    text: `manufacturerId\n${'x'.repeat(5_000_000)}`,
    says: /:\d+: a row is longer than 16384 bytes/,
  },
  { name: 'is no text', text: '\u0000\u0001\u0002\n', says: /:1: the first row names a column/ },
]
for (const { name, text, says } of refusedFiles) {
  test(`a file that ${name} is refused by its line, and the list stays`, async (t) => {
    const { imported, mooring } = await aShell(t)
    assert.equal((await imported('manufacturerId\nOLD\n')).code, 0)
    const { code, stderr } = await imported(text)
    assert.equal(code, 1)
    assert.match(stderr, says)
    assert.match(stderr, /nothing was changed/)
    const { stdout } = await mooring('allow', 'list', '--json')
    assert.deepEqual(
      JSON.parse(stdout).entries.map(({ manufacturerId }: { manufacturerId: string }) => manufacturerId),
      ['OLD'],
    )
  })
}

test('a file that is not there is said to be that', async (t) => {
  const { mooring } = await aShell(t)
  const { code, stderr } = await mooring('allow', 'import', 'none.csv')
  assert.equal(code, 2)
  assert.match(stderr, /none\.csv cannot be read: ENOENT/)
})

test('a byte order mark, CRLF, quotes, blank lines and any order of columns are fine', async (t) => {
  const { imported, mooring } = await aShell(t)
  const text = '\ufeffNote,Manufacturer ID,tags\r\n"first, ""one""",A1,site=berlin;line=3\r\n\r\n,"A,2",\r\n'
  const { code, stdout } = await imported(text)
  assert.equal(code, 0, stdout)
  const { entries } = JSON.parse((await mooring('allow', 'list', '--json')).stdout)
  assert.deepEqual(entries, [
    { manufacturerId: 'A,2', tags: [], note: '' },
    {
      manufacturerId: 'A1',
      tags: [
        { key: 'site', value: 'berlin' },
        { key: 'line', value: '3' },
      ],
      note: 'first, "one"',
    },
  ])
})

test('a dry run tells the difference and changes nothing; what is exported is imported without one', async (t) => {
  const { cwd, imported, mooring } = await aShell(t)
  await imported('manufacturerId,tags,note\nA1,a=b;c=d,"x, y"\nA2,,\n')
  const dry = await imported('manufacturerId\nA2\nA3\n', '--dry-run', '--json')
  assert.deepEqual(JSON.parse(dry.stdout), {
    added: 1,
    removed: 1,
    changed: 0,
    unchanged: 1,
    examples: { added: ['A3'], removed: ['A1'] },
    applied: false,
  })
  const exported = (await mooring('allow', 'export')).stdout
  assert.equal(exported, 'manufacturerId,tags,note\nA1,a=b;c=d,"x, y"\nA2,,\n')
  await writeFile(join(cwd, 'out.csv'), exported)
  const again = JSON.parse((await mooring('allow', 'import', 'out.csv', '--json')).stdout)
  assert.deepEqual([again.added, again.removed, again.changed, again.unchanged], [0, 0, 0, 2])
})

test('one is added, checked and removed', async (t) => {
  const { mooring } = await aShell(t)
  assert.equal((await mooring('allow', 'check', 'A1')).code, 3)
  assert.equal((await mooring('allow', 'add', 'A1', '--tag', 'site=berlin')).code, 0)
  assert.match((await mooring('allow', 'check', 'A1')).stdout, /has not registered[^]*site=berlin/)
  assert.match((await mooring('allow', 'list', '--missing')).stdout, /A1 +missing +site=berlin/)
  assert.equal((await mooring('allow', 'add', 'A1')).code, 5)
  assert.equal((await mooring('allow', 'remove', 'A1')).code, 0)
  assert.equal((await mooring('allow', 'remove', 'A1')).code, 3)
})

test('approvals are asked for by name or all, and not both', async (t) => {
  const { mooring } = await aShell(t)
  assert.match((await mooring('approval', 'list')).stdout, /nobody waits/)
  assert.equal((await mooring('approval', 'approve')).code, 2)
  assert.equal((await mooring('approval', 'approve', 'A1', '--all')).code, 2)
  assert.equal((await mooring('approval', 'approve', 'A1')).code, 3)
  assert.match((await mooring('approval', 'refuse', '--all')).stdout, /refused: 0/)
})
