// What Node runs in the single executable: it calls the program, which packaging/bundle.mjs has made, and no more.
// Node could hold the program itself, but would compile most of it at each start: the code that it keeps is none that
// runs later. What packaging/warm.mjs keeps is all that a start needs.
const path = require('node:path')
const { getRawAsset } = require('node:sea')
const { zstdDecompressSync } = require('node:zlib')
const { Script } = require('node:vm')

const loaded = new Map()

/** The program is many parts: a start of the server needs some of them, and every command a few. */
function load(name) {
  const known = loaded.get(name)
  if (known !== undefined) return known.exports
  const module = { exports: {} }
  loaded.set(name, module)
  const source = zstdDecompressSync(Buffer.from(getRawAsset(`code/${name}`))).latin1Slice()
  const compiled = new Script(source, { filename: name, cachedData: keptCode(name) })
  compiled.runInThisContext()(module.exports, requirePart, module, process.execPath, path.dirname(process.execPath))
  return module.exports
}

const requirePart = (id) => (id.startsWith('./') ? load(id.slice(2)) : require(id))

/** RFC 8878 §3.1.1: how a Zstandard frame begins. */
const ZSTD_MAGIC = 0xfd2fb528

/** Only of what a start of the server needs, and only for the machine that built it; the longest is packed. */
function keptCode(name) {
  try {
    const kept = Buffer.from(getRawAsset(`code/${name}.cache`))
    return kept.readUInt32LE(0) === ZSTD_MAGIC ? zstdDecompressSync(kept) : kept
  } catch {
    return undefined
  }
}

load('main.cjs')
