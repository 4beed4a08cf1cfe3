// npm run build:binary [x64|arm64|all]: one file that needs no Node, no npm and no network. → dist/mooring
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { brotliCompressSync } from 'node:zlib'
import { bundle } from './bundle.mjs'
import { noticesOf } from './notices.mjs'
import { binaryFor, nodeFolder, prepareTools, root, run } from './tools.mjs'

const dist = join(root, 'dist')
/** What the build leaves beside the executables: the bundle, its source map, the notices. */
const work = join(dist, 'binary')

const targets = {
  x64: { strip: 'strip', machine: 0x3e },
  // The Debian package binutils-aarch64-linux-gnu.
  arm64: { strip: 'aarch64-linux-gnu-strip', machine: 0xb7 },
}
const asked = process.argv[2] ?? 'x64'
const archs = asked === 'all' ? Object.keys(targets) : [asked]
if (!archs.every((arch) => Object.hasOwn(targets, arch))) throw new Error(`no such target: ${asked}; x64, arm64, all`)

prepareTools()
rmSync(work, { recursive: true, force: true })
mkdirSync(work, { recursive: true })
// The list of packaged files and the page of the manual come out of the compiled program.
run('npm', ['run', '--silent', 'build'], { cwd: root })
const packages = await bundle(join(work, 'main.cjs'))
for (const arch of archs) await build(arch)

async function build(arch) {
  const { strip, machine } = targets[arch]
  const output = binaryFor(arch)
  const folder = join(work, arch)
  mkdirSync(folder)
  const node = join(folder, 'node')
  // Before the program goes in: a third of Node are symbols that only a debugger reads.
  run(strip, ['-R', '.comment', '-R', '.gnu.build.attributes', '-o', node, join(nodeFolder(arch), 'bin/node')])
  writeFileSync(join(dist, 'THIRD-PARTY-NOTICES'), noticesOf(packages, arch))

  const native = {
    'native/argon2.node': prebuilt('argon2', arch),
    'native/classic-level.node': prebuilt('classic-level', arch),
  }
  for (const file of [node, ...Object.values(native)]) refuseOtherMachine(resolve(root, file), machine)

  const made = join(folder, 'mooring')
  const settings = join(folder, 'sea.json')
  writeFileSync(
    settings,
    JSON.stringify({
      main: join(work, 'main.cjs'),
      output: made,
      executable: node,
      disableExperimentalSEAWarning: true,
      useSnapshot: false,
      // Code for the machine that builds: no use, and no harm but its size, on another.
      useCodeCache: arch === process.arch,
      // SIGUSR1 would open a debugger to everyone on this machine.
      execArgv: [
        '--disable-sigusr1',
        '--experimental-vfs',
        '--disable-warning=ExperimentalWarning',
        '--disable-warning=DeprecationWarning',
      ],
      // NODE_OPTIONS could load other code into a process that holds secrets.
      execArgvExtension: 'none',
      assets: compressed({ ...(await packagedFiles()), ...native }, folder),
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

/** Name → compressed copy: most are long, and all of it counts in a file that is copied around. */
function compressed(files, folder) {
  return Object.fromEntries(
    Object.entries(files).map(([name, file]) => {
      const copy = join(folder, `${basename(name)}.br`)
      writeFileSync(copy, brotliCompressSync(readFileSync(join(root, file))))
      return [name, copy]
    }),
  )
}

/** dlopen would say of the wrong one that there is no such file. Source: elf(5), `e_machine`. */
function refuseOtherMachine(file, machine) {
  const found = readFileSync(file).readUInt16LE(18)
  if (found !== machine) throw new Error(`${file} is for the machine 0x${found.toString(16)}`)
}
