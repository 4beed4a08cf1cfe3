// The whole program as a few CommonJS functions, which packaging/start.cjs calls in the single executable.
import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { root } from './tools.mjs'

/** A module of this repository, and not of a package. */
const isOurs = (id) => id.startsWith(root) && !id.includes('/node_modules/')

/** The packages with native parts: each asks `node-gyp-build` for its own. */
const NATIVE = { argon2: 'argon2', 'classic-level': 'classic-level' }

const PACKAGE_OF = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//

/** Puts our loader in the place of node-gyp-build. */
const nativeAddons = {
  name: 'native-addons',
  resolveId(source, importer) {
    if (source !== 'node-gyp-build') return null
    const name = NATIVE[PACKAGE_OF.exec(importer ?? '')?.[1]]
    if (name === undefined) throw new Error(`${importer} has a native part that nobody packages`)
    return `\0native:${name}`
  },
  load(id) {
    if (!id.startsWith('\0native:')) return null
    const loader = JSON.stringify(join(root, 'executable/native-addons.ts'))
    const name = JSON.stringify(id.slice('\0native:'.length))
    return { code: `const { nativeAddon } = require(${loader})\nmodule.exports = () => nativeAddon(${name})` }
  },
}

/** Packages that others use when they are there. They are not, and asking for them would print a warning at each start. */
const ABSENT = /^(?:supports-color|bufferutil|utf-8-validate)$/
/** What nobody here calls, and is two megabytes: forty languages, character sets, proxies, traces, threads for logs, browsers. */
const UNUSED =
  /^(?:\.\.\/locales\/index\.js|\.\/[ds]bcs-data(?:-generated)?|socks|worker-timers|pino-abstract-transport|pump|thread-stream|@opentelemetry\/api)$/
const leftOut = {
  name: 'left-out',
  resolveId(source) {
    if (ABSENT.test(source)) return `\0absent:${source}`
    if (UNUSED.test(source)) return `\0unused:${source}`
    // The same streams, for machines without Node.
    return source === 'readable-stream' ? { id: 'node:stream', external: true } : null
  },
  load(id) {
    if (id.startsWith('\0absent:')) return { code: `throw new Error('not packaged')\nmodule.exports = {}` }
    return id.startsWith('\0unused:') ? { code: 'export {}' } : null
  },
}

/** What Koa and its packages ask for in our two applications: they say and compare whole types. */
const MEDIA_TYPES = ['application/json', 'application/octet-stream', 'text/html', 'text/plain']

/** A table of 2,500 media types, of which two copies are made and sorted at each start: those that are named here do. */
const mediaTypes = {
  name: 'media-types',
  resolveId: (source) => (source === 'mime-db' ? '\0media-types' : null),
  load(id) {
    if (id !== '\0media-types') return null
    const table = JSON.parse(readFileSync(join(root, 'node_modules/mime-db/db.json'), 'utf8'))
    const named = Object.fromEntries(MEDIA_TYPES.map((type) => [type, table[type]]))
    return { code: `module.exports = ${JSON.stringify(named)}` }
  },
}

/**
 * Writes `main.cjs`, and a file for each part that is imported when it is needed, or by more than one of those.
 *
 * @returns the packages (folders) whose code went in, for the notices, and the names of the files.
 */
export async function bundle(folder) {
  const { rolldown } = await import('rolldown')
  const entry = join(root, 'main.ts')
  const build = await rolldown({
    input: entry,
    platform: 'node',
    plugins: [nativeAddons, leftOut, mediaTypes],
    // Our modules do nothing when they are imported, so a command does without those that its rooms only pass on.
    treeshake: { moduleSideEffects: (id) => id === entry || !isOurs(id) },
    transform: {
      target: 'node26',
      define: {
        'process.env.NODE_ENV': '"production"',
        'process.env.WS_NO_BUFFER_UTIL': '"1"',
        'process.env.WS_NO_UTF_8_VALIDATE': '"1"',
      },
    },
    onLog(level, log, handle) {
      // A part that cannot be resolved would be looked for beside the executable at run time.
      if (log.code === 'UNRESOLVED_IMPORT') throw new Error(log.message)
      // Koa's `depd` has one, and means it.
      if (log.code !== 'EVAL') handle(level, log)
    },
  })
  const { output } = await build.write({
    dir: folder,
    format: 'cjs',
    entryFileNames: 'main.cjs',
    chunkFileNames: '[name].cjs',
    minify: true,
    sourcemap: 'hidden',
    comments: { legal: false },
    // One byte a character: half the memory, and nothing to decode.
    charset: 'ascii',
    postBanner: '(function (exports, require, module, __filename, __dirname) {',
    postFooter: '})',
  })
  await build.close()
  const modules = output.flatMap((part) => (part.type === 'chunk' ? Object.keys(part.modules) : []))
  const packages = modules.map((id) => PACKAGE_OF.exec(id)?.[0]).filter((place) => place !== undefined)
  return {
    packages: [...new Set(packages.map((place) => relative(root, place)))].toSorted((one, other) =>
      one < other ? -1 : 1,
    ),
    parts: output.map((part) => part.fileName).filter((name) => name.endsWith('.cjs')),
  }
}
