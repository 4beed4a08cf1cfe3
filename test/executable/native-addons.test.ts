import assert from 'node:assert/strict'
import { chmod, mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadFromKeptFile } from '../../executable/kept-file.ts'
import { loadAddon } from '../../executable/native-addons.ts'
import { loadFromNamelessFile } from '../../executable/nameless-file.ts'
import { packagedFile, packagedFileNames } from '../../executable/packaged-files.ts'
import { aFolder, projectFolder } from '../support/folder.ts'

const prebuilt = (path: string): Promise<Buffer> =>
  readFile(join(projectFolder, 'node_modules', path.replace('PLATFORM', `linux-${process.arch}`)))
const argon2 = (): Promise<Buffer> => prebuilt('argon2/prebuilds/PLATFORM/argon2.glibc.node')
const classicLevel = (): Promise<Buffer> => prebuilt('classic-level/prebuilds/PLATFORM/classic-level.node')

test('an add-on that loads nowhere is told with every attempt and the way out', async (t) => {
  const folder = await aFolder(t)
  const broken = Buffer.from('no library')
  const missing = join(folder, 'missing')
  assert.throws(
    () => loadAddon('argon2', broken, { MOORING_NATIVE_DIR: missing, XDG_CACHE_HOME: folder }),
    (error: Error) => {
      assert.match(error.message, /^The native part argon2 found no place/)
      assert.ok(error.message.includes(`a file without a name in ${missing}: ENOENT`), error.message)
      assert.ok(error.message.includes(`a file without a name in ${folder}: `), error.message)
      assert.match(error.message, /- memory: /)
      assert.match(error.message, /MOORING_NATIVE_DIR=\/path$/)
      return true
    },
  )
  assert.deepEqual(await readdir(folder), [])
})

test('a file that stays is refused where others may write', async (t) => {
  const folder = join(await aFolder(t), 'open')
  await mkdir(folder)
  await chmod(folder, 0o777)
  const bytes = await argon2()
  assert.throws(() => loadFromKeptFile(folder, 'argon2', bytes), /others may write there/)
  assert.deepEqual(await readdir(folder), [])
})

test('a file that stays and is no library is not left behind', async (t) => {
  const folder = await aFolder(t)
  assert.throws(() => loadFromKeptFile(folder, 'argon2', Buffer.from('no library')))
  assert.deepEqual(await readdir(folder), [])
})

test('a file that stays is written anew when it was changed', async (t) => {
  const folder = await aFolder(t)
  const bytes = await classicLevel()
  loadFromKeptFile(folder, 'classic-level', bytes)
  const [name = ''] = await readdir(folder)
  assert.match(name, /^mooring-classic-level-[0-9a-f]{16}\.node$/)
  const before = await stat(join(folder, name))
  loadFromKeptFile(folder, 'classic-level', bytes)
  assert.equal((await stat(join(folder, name))).ino, before.ino)

  await writeFile(`${join(folder, name)}.changed`, 'not what it was')
  await rename(`${join(folder, name)}.changed`, join(folder, name))
  loadFromKeptFile(folder, 'classic-level', bytes)
  assert.deepEqual(await readFile(join(folder, name)), bytes)
})

test('two add-ons from files without names are two, and leave nothing behind', async (t) => {
  const folder = await aFolder(t)
  const hashing: object = Object(loadFromNamelessFile(folder, await argon2()))
  const database: object = Object(loadFromNamelessFile(folder, await classicLevel()))
  assert.ok('hash' in hashing)
  assert.ok('db_open' in database)
  assert.deepEqual(await readdir(folder), [])
})

test('every file that the program carries can be read from the sources too, but for what the build writes', () => {
  for (const name of packagedFileNames().filter((one) => one !== 'THIRD-PARTY-NOTICES')) {
    assert.notEqual(packagedFile(name), '', name)
  }
  assert.throws(() => packagedFile('nothing'), RangeError)
})
