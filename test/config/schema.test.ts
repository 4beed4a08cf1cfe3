import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { z } from 'zod'
import { run } from '../cli/harness.ts'
import { aFolder, projectFolder } from '../support/folder.ts'

/** As an editor reads it: what `mooring config schema` prints, by a reader that knows JSON Schema and nothing of ours. */
async function aSchema(cwd: string): Promise<z.ZodType> {
  const { stdout } = await run(['config', 'schema'], { cwd })
  return z.fromJSONSchema(JSON.parse(stdout) as Parameters<typeof z.fromJSONSchema>[0])
}

const wrong: readonly { name: string; file: unknown }[] = [
  { name: 'a setting that there is none', file: { lisen: {} } },
  { name: 'one inside a section', file: { listen: { htpp: 'off' } } },
  { name: 'a value for a section', file: { listen: 'off' } },
  { name: 'nothing for a value', file: { data: null } },
  { name: 'a section for a value', file: { data: {} } },
  { name: 'another version', file: { version: 2 } },
  { name: 'a word that is no choice', file: { log: { level: 'loud' } } },
  { name: 'a list', file: [] },
]
for (const { name, file } of wrong) {
  test(`the JSON Schema of the config file refuses ${name}`, async (t) => {
    const schema = await aSchema(await aFolder(t))
    assert.equal(schema.safeParse(file).success, false)
  })
}

test('the JSON Schema takes what config init writes, with and without what it leaves out', async (t) => {
  const cwd = await aFolder(t)
  const schema = await aSchema(cwd)
  assert.equal((await run(['config', 'init'], { cwd })).code, 0)
  const text = readFileSync(join(cwd, 'mooring.yaml'), 'utf8')
  schema.parse(parse(text))
  const whole = text.replaceAll(/^( *)# (?=[a-z]\w*: )/gm, '$1')
  assert.notEqual(whole, text)
  schema.parse(parse(whole))
})

test('the JSON Schema takes the config file of the page', async (t) => {
  const schema = await aSchema(await aFolder(t))
  const page = readFileSync(join(projectFolder, 'docs', 'configuration.md'), 'utf8')
  const [, text = ''] = /^```yaml\n(version: 1\nlisten:[^]*?)^```$/m.exec(page) ?? []
  schema.parse(parse(text))
})

test('the JSON Schema takes every value that config show prints of a file that holds all kinds of them', async (t) => {
  const cwd = await aFolder(t)
  const schema = await aSchema(cwd)
  const env = { MOORING_LISTEN_MQTT: '[::1]:0', MOORING_LOG_LEVEL: 'debug', MOORING_MQTT_MAX_PACKET_BYTES: '1MiB' }
  const { settings } = JSON.parse((await run(['config', 'show', '--json'], { cwd, env })).stdout) as {
    settings: { setting: string; value: string }[]
  }
  const file: Record<string, Record<string, string> | string> = {}
  for (const { setting, value } of settings) {
    const [group = '', name] = setting.split('.')
    if (value === '') continue
    if (name === undefined) file[group] = value
    else file[group] = { ...(file[group] as Record<string, string> | undefined), [name]: value }
  }
  schema.parse(file)
})
