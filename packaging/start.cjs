// What Node runs in the single executable: it calls the program, which packaging/bundle.mjs has made, and no more.
// Node could hold the program itself, but would compile most of it at each start: the code that it keeps is none that
// runs later. What packaging/warm.mjs keeps is all that a start needs.
const path = require('node:path')
const { getRawAsset } = require('node:sea')
const { brotliDecompressSync, zstdDecompressSync } = require('node:zlib')
const { Script } = require('node:vm')

const MAIN = 'main.cjs'
const loaded = new Map()

/** The program is one part that every start needs, packed so that it is unpacked soon, and others that few need. */
function load(name) {
  const known = loaded.get(name)
  if (known !== undefined) return known.exports
  const module = { exports: {} }
  loaded.set(name, module)
  const bytes = Buffer.from(getRawAsset(`code/${name}`))
  const source = (name === MAIN ? zstdDecompressSync(bytes) : brotliDecompressSync(bytes)).latin1Slice()
  const compiled = new Script(source, { filename: name, ...(name === MAIN && { cachedData: keptCode() }) })
  compiled.runInThisContext()(module.exports, requirePart, module, process.execPath, path.dirname(process.execPath))
  return module.exports
}

const requirePart = (id) => (id.startsWith('./') ? load(id.slice(2)) : require(id))

/** Only for the machine that built it. */
function keptCode() {
  try {
    return Buffer.from(getRawAsset('code/main.cache'))
  } catch {
    return undefined
  }
}

load(MAIN)
