import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openDatabase } from '../../storage/index.ts'
import { aFolder } from '../support/folder.ts'
import { run } from './harness.ts'

test('a folder without data is not found', async (t) => {
  const cwd = await aFolder(t)
  const { code, stderr } = await run(['upgrade-check', 'nothing'], { cwd })
  assert.equal(code, 3)
  assert.match(stderr, /holds no data of Mooring's/)
})

test('a folder of a newer version is refused', async (t) => {
  const cwd = await aFolder(t)
  await writeFile(join(cwd, 'mooring.json'), JSON.stringify({ format: 9, storeId: 'id', state: 'ready' }))
  const { code, stderr } = await run(['upgrade-check', '.'], { cwd })
  assert.equal(code, 1)
  assert.match(stderr, /says format 9/)
})

test('a folder that this version can open is said to be', async (t) => {
  const cwd = await aFolder(t)
  await (await openDatabase(join(cwd, 'data'))).close()
  const { code, stdout } = await run(['upgrade-check', 'data'], { cwd })
  assert.equal(code, 0)
  assert.match(stdout, /^Mooring 1\.2\.3 can open .*data \(format 1\)\. Nothing in it has to change\.\n$/)
  const json = await run(['upgrade-check', 'data', '--json'], { cwd })
  assert.deepEqual(JSON.parse(json.stdout), {
    folder: join(cwd, 'data'),
    version: '1.2.3',
    format: 1,
    newestFormat: 1,
    migrations: [],
    running: false,
  })
})

test('a file that the program does not carry is not found', async (t) => {
  const { code, stderr } = await run(['files', 'nothing'], { cwd: await aFolder(t) })
  assert.equal(code, 3)
  assert.match(stderr, /no file "nothing" in the program/)
})

test('the files that the program carries are listed and printed', async (t) => {
  const cwd = await aFolder(t)
  assert.equal((await run(['files'], { cwd })).stdout, 'LICENSE\n')
  assert.equal((await run(['files', 'LICENSE'], { cwd })).stdout, 'text of LICENSE\n')
})
