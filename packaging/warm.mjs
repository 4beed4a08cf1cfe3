// node packaging/warm.mjs FOLDER: serves from the bundle in FOLDER until it is told to stop, and keeps the code that V8
// compiled of each part for it. → FOLDER/*.cache
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { Script } from 'node:vm'

const folder = process.argv[2]
const builtin = createRequire(import.meta.url)

/** The executable as the program sees it. */
const assetOf = (name) => new Uint8Array(readFileSync(join(folder, process.arch, 'assets', name))).buffer
const sea = { isSea: () => true, getAsset: assetOf }

const compile = (name) => new Script(readFileSync(join(folder, name), 'latin1'), { filename: name })

const loaded = new Map()
const scripts = new Map()

/** Source: packaging/start.cjs. */
function require(id) {
  if (id === 'node:sea') return sea
  return id.startsWith('./') ? load(id.slice(2)) : builtin(id)
}

function load(name) {
  const known = loaded.get(name)
  if (known !== undefined) return known.exports
  const module = { exports: {} }
  loaded.set(name, module)
  const script = compile(name)
  scripts.set(name, script)
  script.runInThisContext()(module.exports, require, module, process.execPath, dirname(process.execPath))
  return module.exports
}

const data = mkdtempSync(join(tmpdir(), 'mooring-warm-'))
process.on('exit', () => rmSync(data, { recursive: true, force: true }))
process.argv = ['mooring', 'mooring', 'serve', '--data', data]
for (const listener of ['mqtt', 'http']) process.argv.push('--listen', `${listener}=127.0.0.1:0`)
process.env.MOORING_LOG_FORMAT = 'json'

// Code that was not used for a while would be dropped.
setFlagsFromString('--no-flush-bytecode')

process.on('exit', () => {
  // Code is taken only by a V8 with the same flags.
  setFlagsFromString('--flush-bytecode')
  for (const [name, script] of scripts) writeFileSync(join(folder, `${name}.cache`), script.createCachedData())
})
load('main.cjs')
