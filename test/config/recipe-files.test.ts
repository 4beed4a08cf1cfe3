import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { chooseRecipe, ConfigError, loadRecipes, readRecipes } from '../../config.ts'
import { TL_GENERATOR } from '../../registry/index.ts'
import { aFolder } from '../support/folder.ts'
import { aFile } from './support.ts'

/** As the platform exports them, with everything in it that Mooring has no use for. */
const EXPORT = `resourceType: DeviceRecipe
version: 1
resources:
  - id: 5f8d0d55b54764421b7156d1
    deviceRecipeId: 5f8d0d55b54764421b7156d1
    applicationId: 5f8d0d55b54764421b7156d2
    creationDate: '2026-01-02T03:04:05.678Z'
    lastUpdated: '2026-01-02T03:04:05.678Z'
    name: pump
    description: About the recipe.
    deviceName: Pump
    deviceDescription: A pump.
    deviceClass: standalone
    tags:
      - { key: site, value: berlin }
      - { key: site, value: paris }
      - { key: manufacturerId, value: forged }
      - { key: DeviceRecipe, value: forged }
    attributes:
      - { name: pressure, dataType: number, attributeTags: { unit: bar }, description: x }
      - { name: location, dataType: gps }
  - name: valve
`

/** What the recipes of one file are, or its problems without its path. */
function read(text: string | Uint8Array): { recipes: string[]; problems: string[] } {
  const file = aFile('recipe.yaml', text)
  try {
    return { recipes: readRecipes([file]).map(({ name }) => name), problems: [] }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { recipes: [], problems: error.problems.map((problem) => problem.replaceAll(file, 'FILE')) }
  }
}

const recipe = (line: string): string => `resourceType: DeviceRecipe\nname: pump\n${line}\n`

const refused: readonly { name: string; text: string | Uint8Array; says: RegExp }[] = [
  { name: 'nothing in it', text: '', says: /^FILE: it holds no device recipe; each needs resourceType: DeviceRecipe$/ },
  { name: 'something else in it', text: 'resourceType: Workflow\n', says: /it holds no device recipe/ },
  { name: 'a text in it', text: 'pump\n', says: /it holds no device recipe/ },
  { name: 'broken YAML', text: 'a: [', says: /^FILE:1:\d+: / },
  { name: 'bytes that are no text', text: Uint8Array.of(0xff), says: /^FILE: it is not UTF-8 text$/ },
  { name: 'more than 4 MiB', text: '#'.repeat(4 * 1024 * 1024 + 1), says: /^FILE: it is larger than 4194304 bytes$/ },
  { name: 'no name', text: 'resourceType: DeviceRecipe\ntags: []\n', says: /^FILE:1:1: name: .*it is missing$/ },
  { name: 'an empty name', text: 'resourceType: DeviceRecipe\nname: ""\n', says: /^FILE:2:7: name: expected 1 to 255/ },
  {
    name: 'a number for a name',
    text: 'resourceType: DeviceRecipe\nname: 7\n',
    says: /^FILE:2:7: name: .*\(numbers in quotes\), found 7$/,
  },
  { name: 'a control character', text: recipe('deviceName: "a\\nb"'), says: /^FILE:3:13: deviceName: / },
  {
    name: 'a class that is none',
    text: recipe('deviceClass: toaster'),
    says: /^FILE:3:14: deviceClass: expected standalone, /,
  },
  {
    name: 'a name with a slip',
    text: recipe('atributes: []'),
    says: /^FILE:3:1: atributes: unknown; did you mean attributes\?$/,
  },
  {
    name: 'a slip inside an attribute',
    text: recipe('attributes: [{ name: a, dataType: number, desciption: x }]'),
    says: /did you mean description\?/,
  },
  {
    name: 'a type that is none',
    text: recipe('attributes:\n  - { name: a, dataType: colour }'),
    says: /^FILE:4:26: attributes\[0\]\.dataType: expected number, string, gps, boolean, blob, found "colour"$/,
  },
  {
    name: 'an attribute name with a blank',
    text: recipe('attributes: [{ name: "a b", dataType: number }]'),
    says: /^FILE:3:22: attributes\[0\]\.name: expected 1 to 255 letters/,
  },
  {
    name: 'an attribute twice',
    text: recipe('attributes:\n  - { name: a, dataType: number }\n  - { name: a, dataType: gps }'),
    says: /^FILE:5:13: attributes\[1\]\.name: .*already used above/,
  },
  {
    name: 'attributes that are no list',
    text: recipe('attributes: { a: number }'),
    says: /^FILE:3:13: attributes: expected a list/,
  },
  {
    name: '257 attributes',
    text: recipe(`attributes: [${Array.from({ length: 257 }, (_, i) => `{ name: a${i}, dataType: number }`).join()}]`),
    says: /^FILE:3:13: attributes: expected a list of at most 256/,
  },
  {
    name: '101 tags',
    text: recipe(`tags: [${'{ key: a, value: b },'.repeat(101)}]`),
    says: /^FILE:3:7: tags: expected a list of at most 100/,
  },
  { name: 'a prototype as a name', text: recipe('__proto__: { polluted: 1 }'), says: /^FILE:3:1: __proto__: unknown$/ },
  {
    name: 'a prototype in an attribute',
    text: recipe('attributes: [{ name: a, dataType: number, __proto__: 1 }]'),
    says: /__proto__: unknown$/,
  },
  { name: 'a constructor', text: recipe('constructor: { prototype: 1 }'), says: /^FILE:3:1: constructor: unknown/ },
  {
    name: 'another version of the format',
    text: 'resourceType: DeviceRecipe\nversion: 2\nresources: []\n',
    says: /^FILE:2:10: version: expected 1/,
  },
  {
    name: 'resources that are no list',
    text: 'resourceType: DeviceRecipe\nresources: pump\n',
    says: /^FILE:2:12: resources: expected a list of recipes/,
  },
  {
    name: 'an export of nothing',
    text: 'resourceType: DeviceRecipe\nresources: []\n',
    says: /it holds no device recipe/,
  },
  {
    name: 'an alias without its anchor',
    text: recipe('deviceName: *nothing'),
    says: /^FILE:3:13: there is no anchor|^FILE:1:1: an alias/,
  },
]
for (const { name, text, says } of refused) {
  test(`a recipe file with ${name} is refused, with one problem`, () => {
    const { problems } = read(text)
    assert.equal(problems.length, 1, problems.join('\n'))
    assert.match(problems[0]!, says)
  })
}

test('an alias that multiplies itself is refused', () => {
  const layers = Array.from({ length: 12 }, (_, i) => `x${i}: &x${i} [${`*x${i - 1},`.repeat(i === 0 ? 0 : 9)} y]`)
  assert.match(read(recipe(layers.join('\n'))).problems.join('\n'), /alias \(\*\)|unknown/)
})

test('an export gives its recipes; the tags that registration sets itself are left out', () => {
  const [pump, valve, ...others] = readRecipes([aFile('export.yaml', EXPORT)])
  assert.deepEqual(pump, {
    name: 'pump',
    deviceName: 'Pump',
    deviceClass: 'standalone',
    description: 'A pump.',
    tags: [
      { key: 'site', value: 'berlin' },
      { key: 'site', value: 'paris' },
    ],
    attributes: [
      { name: 'pressure', dataType: 'number' },
      { name: 'location', dataType: 'gps' },
    ],
  })
  const bare = {
    name: 'valve',
    deviceName: 'valve',
    deviceClass: 'standalone',
    description: '',
    tags: [],
    attributes: [],
  }
  assert.deepEqual(valve, bare)
  assert.deepEqual(others, [])
})

test('JSON is YAML: an export in JSON is read too', () => {
  const text = JSON.stringify({ resourceType: 'DeviceRecipe', version: 1, resources: [{ name: 'pump' }] })
  assert.deepEqual(read(text), { recipes: ['pump'], problems: [] })
})

test('several documents, a list, and things that are no recipes are all read', () => {
  const text = `- { resourceType: DeviceRecipe, name: a }\n- { resourceType: Workflow, name: b }\n---\nresourceType: DeviceRecipe\nname: c\n`
  assert.deepEqual(read(text), { recipes: ['a', 'c'], problems: [] })
})

test('all problems of all files are told, each with its place', async (t) => {
  const folder = await aFolder(t)
  await writeFile(join(folder, 'a.yaml'), recipe('deviceClass: x\ntags: x'))
  await writeFile(join(folder, 'b.yml'), recipe('attributes: x'))
  await assert.rejects(loadRecipes(folder), (error: ConfigError) => {
    assert.deepEqual(
      error.problems.map((problem) => problem.replace(`${folder}/`, '').split(' ')[0]),
      ['a.yaml:3:14:', 'a.yaml:4:7:', 'b.yml:3:13:'],
    )
    return true
  })
})

test('a recipe is there once; a second one is told with the place of the first', async (t) => {
  const folder = await aFolder(t)
  await writeFile(join(folder, 'a.yaml'), EXPORT)
  await writeFile(join(folder, 'b.yaml'), 'resourceType: DeviceRecipe\nname: valve\n')
  await assert.rejects(loadRecipes(folder), (error: ConfigError) => {
    const [problem = '', ...more] = error.problems.map((text) => text.replaceAll(`${folder}/`, ''))
    assert.equal(problem, 'b.yaml:2:7: name: there is already a recipe "valve" at a.yaml:22:11')
    return more.length === 0
  })
})

test('only visible YAML files of the folder are read, in the order of their names; no folder is no recipes', async (t) => {
  const folder = join(await aFolder(t), 'recipes')
  assert.deepEqual(await loadRecipes(folder), [])
  await mkdir(folder)
  for (const name of ['b.yaml', 'a.yml', '.hidden.yaml', 'a.yaml~', 'notes.txt']) {
    await writeFile(join(folder, name), `resourceType: DeviceRecipe\nname: '${name}'\n`)
  }
  assert.deepEqual(
    (await loadRecipes(folder)).map(({ name }) => name),
    ['a.yml', 'b.yaml'],
  )
})

test('the built-in recipe is chosen by its name, and one of a file that has its name instead', async (t) => {
  const folder = await aFolder(t)
  assert.equal(await chooseRecipe('tl-generator', folder), TL_GENERATOR)
  await writeFile(join(folder, 'own.yaml'), 'resourceType: DeviceRecipe\nname: tl-generator\ndeviceName: Own\n')
  assert.equal((await chooseRecipe('tl-generator', folder)).deviceName, 'Own')
})

test('a recipe that is not there is a problem that names those that are', async (t) => {
  const folder = await aFolder(t)
  await writeFile(join(folder, 'export.yaml'), EXPORT)
  await assert.rejects(chooseRecipe('pmup', folder), (error: ConfigError) => {
    const [problem = ''] = error.problems
    assert.match(
      problem,
      /^registration\.recipe: there is no recipe "pmup" in .*, only "pump", "valve", "tl-generator"/,
    )
    return error instanceof ConfigError
  })
  for (const name of ['__proto__', 'constructor', 'toString'])
    await assert.rejects(chooseRecipe(name, folder), ConfigError)
})

test('a wrong file keeps every recipe from being chosen, also the built-in one', async (t) => {
  const folder = await aFolder(t)
  await writeFile(join(folder, 'bad.yaml'), recipe('deviceClass: x'))
  await assert.rejects(chooseRecipe('tl-generator', folder), ConfigError)
})

test('whatever a recipe file holds, it is recipes or a ConfigError', () => {
  const value = fc.oneof(
    fc.constantFrom('x', 1, null, '*a', '&a', '!!x', '[', '{ }', '"', '<<'),
    fc.json({ maxDepth: 2 }),
  )
  const line = fc
    .tuple(
      fc.constantFrom('', '  ', '- ', '  - ', '---\n'),
      fc.constantFrom('name', 'tags', 'attributes', 'resources', '__proto__', 'key', 'dataType', '<<', 'version', 'id'),
      value,
    )
    .map(([indent, name, given]) => `${indent}${name}: ${given}\n`)
  const text = fc.array(line, { maxLength: 8 }).map((lines) => `resourceType: DeviceRecipe\n${lines.join('')}`)
  fc.assert(
    fc.property(fc.oneof(text, fc.string({ unit: 'binary' })), (given) => {
      const { recipes, problems } = read(given)
      assert.ok(recipes.length > 0 || problems.length > 0)
    }),
    { numRuns: 500 },
  )
})
