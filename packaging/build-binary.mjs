// npm run build:binary [x64|arm64|all]: one file that needs no Node, no npm and no network. → dist/mooring
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { brotliCompressSync } from 'node:zlib'
import { bundle } from './bundle.mjs'
import { noticesOf } from './notices.mjs'
import { binaryFor, nodeFolder, prepareTools, root, run } from './tools.mjs'

const dist = join(root, 'dist')
/** What the build leaves beside the executables: the bundle, its source maps, the settings of the executable. */
const work = join(dist, 'binary')

const targets = {
  x64: { strip: 'strip', machine: 0x3e },
  // The Debian package binutils-aarch64-linux-gnu.
  arm64: { strip: 'aarch64-linux-gnu-strip', machine: 0xb7 },
}
const asked = process.argv[2] ?? 'x64'
const archs = asked === 'all' ? Object.keys(targets) : [asked]
if (!archs.every((arch) => Object.hasOwn(targets, arch))) throw new Error(`no such target: ${asked}; x64, arm64, all`)

/** What starts wait for, by its name; executable/unpack.ts tells it from the rest. */
const AT_START = /^(?:code|native)\/|^package\.json$/

/** Brotli would take ten times as long. The Node that runs this script may not know Zstandard. */
const PACK = `
  const { readFileSync, writeFileSync } = require('node:fs')
  const { constants, zstdCompressSync } = require('node:zlib')
  const params = { [constants.ZSTD_c_compressionLevel]: 19 }
  for (const [from, to] of JSON.parse(process.argv[1])) writeFileSync(to, zstdCompressSync(readFileSync(from), { params }))`
const packed = (files) => run(join(nodeFolder(process.arch), 'bin/node'), ['-e', PACK, JSON.stringify(files)])

/** How Node runs in the executable. */
const EXEC_ARGV = [
  // SIGUSR1 would open a debugger to everyone on this machine.
  '--disable-sigusr1',
  '--experimental-vfs',
  '--disable-warning=ExperimentalWarning',
  '--disable-warning=DeprecationWarning',
]

/** Kept code is mapped as it is, since unpacking all of it takes 25 ms; but 120 MB is what the executable may have. */
const LONGEST_AS_IT_IS = 300_000

prepareTools()
rmSync(work, { recursive: true, force: true })
mkdirSync(work, { recursive: true })
// The list of packaged files and the page of the manual come out of the compiled program.
run('npm', ['run', '--silent', 'build'], { cwd: root })
/** What of others Vite puts into the page; admin/ui imports nothing else. */
const OF_PAGE = ['@preact/signals', '@preact/signals-core', 'preact', 'swagger-ui-dist', 'uplot', 'uqr'].map(
  (name) => `node_modules/${name}`,
)
const { packages, parts } = await bundle(work)
const carried = [...new Set([...packages, ...OF_PAGE])].toSorted((one, other) => (one < other ? -1 : 1))
for (const arch of archs) await build(arch)

async function build(arch) {
  const { strip, machine } = targets[arch]
  const output = binaryFor(arch)
  const folder = join(work, arch)
  mkdirSync(folder)
  const node = join(folder, 'node')
  // Before the program goes in: a third of Node are symbols that only a debugger reads.
  run(strip, ['-R', '.comment', '-R', '.gnu.build.attributes', '-o', node, join(nodeFolder(arch), 'bin/node')])
  writeFileSync(join(dist, 'THIRD-PARTY-NOTICES'), noticesOf(carried, arch))

  const native = {
    'native/argon2.node': prebuilt('argon2', arch),
    'native/classic-level.node': prebuilt('classic-level', arch),
  }
  for (const file of [node, ...Object.values(native)]) refuseOtherMachine(resolve(root, file), machine)

  const assets = compressed({ ...(await packagedFiles()), ...(await page(folder)), ...native }, join(folder, 'assets'))
  const made = join(folder, 'mooring')
  const settings = join(folder, 'sea.json')
  writeFileSync(
    settings,
    JSON.stringify({
      main: join(import.meta.dirname, 'start.cjs'),
      output: made,
      executable: node,
      disableExperimentalSEAWarning: true,
      useSnapshot: false,
      useCodeCache: false,
      execArgv: EXEC_ARGV,
      // NODE_OPTIONS could load other code into a process that holds secrets.
      execArgvExtension: 'none',
      assets: { ...assets, ...(await code(folder, arch)) },
    }),
  )
  // The Node that builds and the Node inside must be of the same version.
  run(join(nodeFolder(process.arch), 'bin/node'), ['--build-sea', settings], { cwd: root })
  chmodSync(made, 0o755)
  renameSync(made, output)
  rmSync(node)
  process.stderr.write(`${relative(root, output)}  ${(statSync(output).size / 1e6).toFixed(1)} MB\n`)
}

/** The native part of a package for Debian's C library; the other one, where there is one, is for Alpine's. */
function prebuilt(name, arch) {
  const folder = `node_modules/${name}/prebuilds/linux-${arch}`
  const file = readdirSync(join(root, folder)).find((one) => one.endsWith('.node') && !one.includes('musl'))
  if (file === undefined) throw new Error(`${folder} holds nothing for glibc`)
  return `${folder}/${file}`
}

/** Name → file, by the list that the program looks them up in. */
async function packagedFiles() {
  const list = pathToFileURL(join(dist, 'executable/packaged-files.js')).href
  const { packagedFileNames, placeInSources } = await import(list)
  return Object.fromEntries(packagedFileNames().map((name) => [name, placeInSources(name)]))
}

/** The operator's page: every file of it, and the list of their names. */
async function page(folder) {
  const { builtPageNames } = await import(pathToFileURL(join(dist, 'executable/packaged-files.js')).href)
  const names = builtPageNames()
  const list = join(folder, 'ui.json')
  writeFileSync(list, JSON.stringify(names))
  return { ...Object.fromEntries(names.map((name) => [`ui/${name}`, join(dist, 'ui', name)])), 'ui.json': list }
}

/** The parts of the program, and what V8 made of those that a start needs. */
async function code(folder, arch) {
  const named = (names) => Object.fromEntries(names.map((name) => [`code/${name}`, join(work, name)]))
  const all = compressed(named(parts), join(folder, 'assets'))
  // Code for the machine that builds is no use on another.
  if (arch !== process.arch) return all
  await warm(arch)
  const kept = readdirSync(work).filter((name) => name.endsWith('.cache'))
  const tooLong = (name) => statSync(join(work, name)).size > LONGEST_AS_IT_IS
  return { ...all, ...named(kept), ...compressed(named(kept.filter(tooLong)), join(folder, 'assets')) }
}

/** Starts the program once, and stops it when it serves. */
async function warm(arch) {
  const program = [join(import.meta.dirname, 'warm.mjs'), work]
  const stdio = ['ignore', 'pipe', 'inherit']
  const child = spawn(join(nodeFolder(arch), 'bin/node'), [...EXEC_ARGV, ...program], { stdio })
  const ended = once(child, 'close')
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.includes('"event":"serving"')) child.kill()
  }
  const [status] = await ended
  if (status !== 0) throw new Error(`warm.mjs ended with ${status}`)
}

/** Name → compressed copy: most are long, and all of it counts in a file that is copied around. */
function compressed(files, folder) {
  const copies = Object.keys(files).map((name) => [name, join(folder, name)])
  for (const [, copy] of copies) mkdirSync(dirname(copy), { recursive: true })
  const [soon, later] = [
    copies.filter(([name]) => AT_START.test(name)),
    copies.filter(([name]) => !AT_START.test(name)),
  ]
  const original = (name) => resolve(root, files[name])
  packed(soon.map(([name, copy]) => [original(name), copy]))
  for (const [name, copy] of later) writeFileSync(copy, brotliCompressSync(readFileSync(original(name))))
  return Object.fromEntries(copies)
}

/** dlopen would say of the wrong one that there is no such file. Source: elf(5), `e_machine`. */
function refuseOtherMachine(file, machine) {
  const found = readFileSync(file).readUInt16LE(18)
  if (found !== machine) throw new Error(`${file} is for the machine 0x${found.toString(16)}`)
}
