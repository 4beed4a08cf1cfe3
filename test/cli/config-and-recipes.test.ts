import assert from 'node:assert/strict'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { aFolder } from '../support/folder.ts'
import { run } from './harness.ts'

const GOOD = `resourceType: DeviceRecipe
resources:
  - name: pump
    deviceName: Pump
    deviceClass: standalone
    description: A pump.
    tags: []
    attributes:
      - { name: pressure, dataType: number }
`
const BAD = GOOD.replace('dataType: number', 'dataType: colour')

test('config init writes a file that validates, for its owner alone', async (t) => {
  const cwd = await aFolder(t)
  const written = await run(['config', 'init'], { cwd })
  assert.deepEqual(written, { code: 0, stdout: `wrote ${join(cwd, 'mooring.yaml')}\n`, stderr: '' })
  assert.equal((await stat(join(cwd, 'mooring.yaml'))).mode & 0o777, 0o600)
  const validated = await run(['config', 'validate'], { cwd })
  assert.deepEqual(validated, { code: 0, stdout: `${join(cwd, 'mooring.yaml')}: valid\n`, stderr: '' })
})

test('config init never overwrites', async (t) => {
  const cwd = await aFolder(t)
  await writeFile(join(cwd, 'mooring.yaml'), 'version: 1\n')
  const { code, stderr } = await run(['config', 'init'], { cwd })
  assert.equal(code, 5)
  assert.match(stderr, /mooring\.yaml exists already[^]*config init FILE/)
  assert.equal(await readFile(join(cwd, 'mooring.yaml'), 'utf8'), 'version: 1\n')
})

test('config init says why it cannot write', async (t) => {
  const { code, stderr } = await run(['config', 'init', 'no/such/folder.yaml'], { cwd: await aFolder(t) })
  assert.equal(code, 1)
  assert.match(stderr, /folder\.yaml cannot be written: ENOENT/)
})

test('config validate names every problem with its place and ends with 6', async (t) => {
  const cwd = await aFolder(t)
  await writeFile(join(cwd, 'broken.yaml'), 'version: 1\nlisten:\n  htpp: 127.0.0.1:8080\nlog:\n  level: loud\n')
  const { code, stdout, stderr } = await run(['config', 'validate', 'broken.yaml'], { cwd })
  assert.equal(code, 6)
  assert.equal(stdout, '')
  assert.match(stderr, /broken\.yaml:3:3: listen\.htpp: .*did you mean listen\.http\?/)
  assert.match(stderr, /broken\.yaml:5:10: log\.level: /)
  assert.match(stderr, /2 errors\. Nothing was started or changed\.\n$/)
})

test('config validate passes warnings on', async (t) => {
  const { code, stderr } = await run(['config', 'validate'], { cwd: await aFolder(t), env: { MOORING_DATTA: 'x' } })
  assert.equal(code, 0)
  assert.match(stderr, /^warning: MOORING_DATTA/)
})

test('config show says where each value comes from, and never a secret', async (t) => {
  const secret = 'a signing secret of at least thirty-two bytes'
  const env = { MOORING_REGISTRATION_SECRET: secret, MOORING_LISTEN_MQTT: '127.0.0.1:1884' }
  const cwd = await aFolder(t)
  const { stdout } = await run(['config', 'show'], { cwd, env })
  assert.match(stdout, /listen\.mqtt +127\.0\.0\.1:1884 +MOORING_LISTEN_MQTT/)
  assert.match(stdout, /registration\.secret +\(set\)/)
  const json = await run(['config', 'show', '--json'], { cwd, env })
  assert.ok(JSON.parse(json.stdout).settings.length > 20)
  assert.doesNotMatch(stdout + json.stdout, /thirty-two/)
})

test('config env and config schema describe every setting', async (t) => {
  const cwd = await aFolder(t)
  const { stdout } = await run(['config', 'env'], { cwd })
  assert.match(stdout, /^VARIABLE/)
  const { variables } = JSON.parse((await run(['config', 'env', '--json'], { cwd })).stdout)
  for (const { variable } of variables) assert.ok(stdout.includes(variable))
  const schema = await run(['config', 'schema'], { cwd })
  assert.equal(JSON.parse(schema.stdout).type, 'object')
  assert.deepEqual(JSON.parse(schema.stdout), JSON.parse((await run(['config', 'schema', '--json'], { cwd })).stdout))
})

test('recipe check names file, line and column of what is wrong', async (t) => {
  const cwd = await aFolder(t)
  await writeFile(join(cwd, 'bad.yaml'), BAD)
  const { code, stderr } = await run(['recipe', 'check', 'bad.yaml'], { cwd })
  assert.equal(code, 6)
  assert.ok(stderr.includes(`${join(cwd, 'bad.yaml')}:9:`), stderr)
  const missing = await run(['recipe', 'check', 'missing.yaml'], { cwd })
  assert.equal(missing.code, 6)
  assert.ok(missing.stderr.includes(join(cwd, 'missing.yaml')), missing.stderr)
})

test('recipe check names the recipes of a good file', async (t) => {
  const cwd = await aFolder(t)
  await writeFile(join(cwd, 'good.yaml'), GOOD)
  const { code, stdout } = await run(['recipe', 'check', 'good.yaml'], { cwd })
  assert.equal(code, 0)
  assert.equal(stdout, `${join(cwd, 'good.yaml')}: valid (recipe pump)\n`)
})

test('recipe list shows the built-in recipe and those of the data folder', async (t) => {
  const cwd = await aFolder(t)
  await mkdir(join(cwd, 'mooring-data', 'recipes'), { recursive: true })
  await writeFile(join(cwd, 'mooring-data', 'recipes', 'pump.yaml'), GOOD)
  const { stdout } = await run(['recipe', 'list'], { cwd, env: { MOORING_REGISTRATION_RECIPE: 'pump' } })
  assert.match(stdout, /tl-generator +Generator +18 +built in\n/)
  assert.match(stdout, /pump +Pump +1 +file +yes\n/)
})
