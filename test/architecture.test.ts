import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

/**
 * What each room may import besides its own files: rooms by the file they show, packages by name. A folder of a room
 * that has a line of its own may import nothing else of that room.
 */
const mayImport: Record<string, { readonly rooms: readonly string[]; readonly packages: readonly string[] }> = {
  registry: { rooms: ['../storage/index.ts'], packages: ['jose', 'argon2'] },
  storage: { rooms: [], packages: ['level', 'abstract-level'] },
  broker: {
    rooms: ['../registry/index.ts', '../storage/index.ts'],
    packages: ['aedes', 'ws', 'mqtt-packet'],
  },
  upkeep: { rooms: ['../broker/persistence/index.ts', '../registry/index.ts', '../storage/index.ts'], packages: [] },
  'broker/codec': { rooms: ['../../registry/index.ts'], packages: [] },
  registration: { rooms: ['../registry/index.ts'], packages: ['koa', 'raw-body'] },
  admin: {
    rooms: ['../registry/index.ts'],
    packages: ['koa', 'zod', 'zod-openapi', 'raw-body', 'jose', 'rate-limiter-flexible', 'csv-parse', 'csv-stringify'],
  },
  // What browsers load: types of the operations, and what both sides know of files, of charts and of lists in pages.
  'admin/ui': {
    rooms: ['../operations/index.ts', '../csv-rows.ts', '../history.ts', '../whole-list.ts'],
    packages: ['preact', '@preact/signals', 'uplot', 'uqr', 'virtual:operations'],
  },
  metrics: { rooms: ['../registry/index.ts'], packages: ['prom-client'] },
  config: { rooms: ['../registry/index.ts'], packages: ['zod', 'yaml', 'cli-table3'] },
  cli: {
    rooms: [
      '../admin/index.ts',
      '../checks.ts',
      '../config.ts',
      '../log.ts',
      '../registry/index.ts',
      '../storage/index.ts',
      '../upkeep/index.ts',
    ],
    packages: ['@bomb.sh/tab', '@peculiar/x509', 'commander', 'cli-table3', 'csv-parse', 'csv-stringify', 'mqtt'],
  },
  executable: { rooms: [], packages: [] },
}

const IMPORT = /^(?:import|export)\b[^'"]*?from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm

function importsOf(file: string): string[] {
  return Array.from(
    readFileSync(file, 'utf8').matchAll(IMPORT),
    ([, from, bare, dynamic]) => from ?? bare ?? dynamic ?? '',
  )
}

const filesOf = (room: string): string[] =>
  readdirSync(room, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => join(room, name))

const isWithin = (room: string, file: string): boolean => file.startsWith(join(room, '/'))

/** `@scope/name/part` → `@scope/name`. */
const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')

for (const [room, { rooms, packages }] of Object.entries(mayImport)) {
  test(`${room} imports only inwards`, () => {
    const inner = Object.keys(mayImport).filter((other) => isWithin(room, other))
    const files = filesOf(room).filter((file) => !inner.some((other) => isWithin(other, file)))
    const shown = new Set(rooms.map((one) => join(room, one)))
    assert.ok(files.length > 0)
    for (const file of files) {
      for (const specifier of importsOf(file)) {
        const allowed =
          specifier.startsWith('node:') ||
          (specifier.startsWith('.')
            ? isWithin(room, join(dirname(file), specifier)) || shown.has(join(dirname(file), specifier))
            : packages.includes(packageOf(specifier)))
        assert.ok(allowed, `${file} imports ${specifier}`)
      }
    }
  })
}

const onlyIn: { readonly what: string; readonly pattern: RegExp; readonly files: readonly string[] }[] = [
  { what: 'aedes is imported', pattern: /from 'aedes'/, files: ['broker/aedes.ts'] },
  { what: 'argon2 is imported', pattern: /from 'argon2'/, files: ['registry/credentials.ts'] },
  { what: 'a value is read at once', pattern: /\.getSync\b/, files: ['storage/read-now.ts'] },
  {
    what: 'the environment is read',
    pattern: /process\.env/,
    files: ['config.ts', 'executable/native-addons.ts', 'main.ts'],
  },
  {
    what: 'the single executable is known',
    pattern: /node:sea|executable\/index/,
    files: ['executable/native-addons.ts', 'executable/packaged-files.ts', 'main.ts'],
  },
  { what: 'the console is written to', pattern: /\bconsole\./, files: [] },
]

const rooms = Object.keys(mayImport)
const topLevel = readdirSync('.').filter((name) => name.endsWith('.ts'))

for (const { what, pattern, files } of onlyIn) {
  test(`${what} in ${files.join(' and ') || 'no file'} only`, () => {
    const found = [...topLevel, ...rooms.flatMap(filesOf)].filter((file) => pattern.test(readFileSync(file, 'utf8')))
    assert.deepEqual(found.toSorted(), [...files].toSorted())
  })
}

test('the lock file holds no download addresses, so that it installs from any registry', () => {
  assert.doesNotMatch(readFileSync('package-lock.json', 'utf8'), /"resolved"/)
})

test('every dependency is pinned to one version', () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    dependencies: Record<string, string>
    devDependencies: Record<string, string>
  }
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
    assert.match(version, /^(npm:[\w@-]+@)?\d+\.\d+\.\d+$/, name)
  }
})

test('the map of the rooms names every one of them', () => {
  const map = readFileSync('docs/architecture.md', 'utf8')
  for (const room of [...rooms, 'bench', 'firmware-sample', 'packaging', 'test']) {
    assert.ok(existsSync(room), room)
    assert.ok(map.includes(`${room}/`), `docs/architecture.md does not name ${room}/`)
  }
})
