import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { packagedFile, packagedFileNames } from '../../executable/index.ts'
import { aFolder } from '../support/folder.ts'
import { run } from './harness.ts'

async function aShell(t: TestContext) {
  const cwd = await aFolder(t)
  const packagedFiles = { names: packagedFileNames, read: packagedFile }
  const mooring = (...argv: readonly string[]) => run(argv, { cwd, packagedFiles })
  return { cwd, mooring }
}

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const aToken = (payload: unknown): string => `${part({ alg: 'HS256' })}.${part(payload)}.c2lnbmF0dXJl`
const TOKEN = aToken({ url: 'https://broker.example/api/register-device' })

test('a folder that holds something is left as it is', async (t) => {
  const { cwd, mooring } = await aShell(t)
  await mkdir(join(cwd, 'pump'))
  await writeFile(join(cwd, 'pump/notes'), '')
  const { code, stderr } = await mooring('firmware', 'init', '--lang', 'node', '--dir', 'pump')
  assert.equal(code, 5)
  assert.match(stderr, /not empty/)
  assert.deepEqual(await readdir(join(cwd, 'pump')), ['notes'])
})

const noTokens = {
  'that is empty': '',
  'of another kind': 'hello',
  'that ends the text it stands in': `${TOKEN}" + attack + "`,
  'whose payload is no JSON': 'a.b.c',
  'that says nowhere to register': aToken({ iss: 'x' }),
}
for (const [name, text] of Object.entries(noTokens)) {
  test(`a token file ${name} writes nothing`, async (t) => {
    const { cwd, mooring } = await aShell(t)
    await writeFile(join(cwd, 'token'), text)
    const { code, stderr } = await mooring('firmware', 'init', '--lang', 'c', '--token-file', 'token')
    assert.equal(code, 2)
    assert.match(stderr, /no registration token/)
    assert.deepEqual(await readdir(cwd), ['token'])
  })
}

test('a language that there is none in is refused, and so is none', async (t) => {
  const { mooring } = await aShell(t)
  assert.equal((await mooring('firmware', 'init', '--lang', 'cobol')).code, 2)
  assert.equal((await mooring('firmware', 'init')).code, 2)
})

for (const [lang, source] of [
  ['node', 'index.js'],
  ['c', 'device.c'],
] as const) {
  test(`what is written in ${lang} is the sample, with the token in its place and for nobody else to read`, async (t) => {
    const { cwd, mooring } = await aShell(t)
    await writeFile(join(cwd, 'token'), `${TOKEN}\n`)
    const { code, stderr } = await mooring('firmware', 'init', '--lang', lang, '--token-file', 'token', '--dir', 'x')
    assert.equal(code, 0, stderr)
    assert.match(stderr, /^Next: cd x && /m)
    const text = await readFile(join(cwd, 'x', source), 'utf8')
    const sample = packagedFile(`firmware-sample/${lang}/${source}`)
    assert.equal(text.replace(TOKEN, 'paste the output of `mooring token create` here'), sample)
    assert.notEqual(text, sample)
    assert.equal((await stat(join(cwd, 'x', source))).mode & 0o777, 0o600)
  })
}

test('without a token it is told how to get one, and the program says so too', async (t) => {
  const { cwd, mooring } = await aShell(t)
  const { code, stderr } = await mooring('firmware', 'init', '--lang', 'node')
  assert.equal(code, 0)
  assert.match(stderr, /no token yet[^]*mooring token create/)
  execFileSync(process.execPath, ['--check', join(cwd, 'firmware/index.js')])
})
