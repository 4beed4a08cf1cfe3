import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { configurationDocs, loadConfig, readRecipes } from '../../config.ts'
import { run } from '../cli/harness.ts'
import { aCertificate } from '../support/certificate.ts'
import { aFolder, projectFolder } from '../support/folder.ts'

const PAGE = join(projectFolder, 'docs', 'configuration.md')
const page = readFileSync(PAGE, 'utf8')

test('the table of settings is what the program knows; write it anew with: node dist/main.js docs docs/configuration.md', () => {
  assert.equal(page, configurationDocs(page))
})

test('mooring docs PAGE writes the table anew, and nothing else', async (t) => {
  const cwd = await aFolder(t)
  const stale = page.replace('| `listen.mqtt` ', '| `listen.mqqt` ')
  assert.notEqual(stale, page)
  await writeFile(join(cwd, 'page.md'), stale)
  assert.deepEqual(await run(['docs', 'page.md'], { cwd }), { code: 0, stdout: '', stderr: '' })
  assert.equal(await readFile(join(cwd, 'page.md'), 'utf8'), page)
})

test('a page without the marks is refused', () => {
  assert.throws(() => configurationDocs('# Configuration\n'), TypeError)
})

const examples = Array.from(page.matchAll(/^```yaml\n([^]*?)^```$/gm), ([, text]) => text ?? '')
const recipes = examples.filter((text) => text.includes('DeviceRecipe'))
const files = examples.filter((text) => !recipes.includes(text))

test('the config file of the page is one', async (t) => {
  assert.equal(files.length, 1)
  const cwd = await aFolder(t)
  const { certFile, keyFile } = await aCertificate()
  await copyFile(certFile, join(cwd, 'cert.pem'))
  await copyFile(keyFile, join(cwd, 'key.pem'))
  for (const text of files) await writeFile(join(cwd, 'mooring.yaml'), text)
  const { config, warnings } = loadConfig({ env: {}, cwd })
  assert.deepEqual(Object.keys(config.listen), ['mqtt', 'mqtts', 'https'])
  assert.deepEqual(warnings, [])
})

test('the recipe of the page is one', async (t) => {
  assert.equal(recipes.length, 1)
  const file = join(await aFolder(t), 'pump.yaml')
  for (const text of recipes) await writeFile(file, text)
  assert.deepEqual(
    readRecipes([file]).map(({ name, attributes }) => [name, attributes.length]),
    [['pump', 2]],
  )
})
