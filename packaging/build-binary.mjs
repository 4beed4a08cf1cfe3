// npm run build:binary [x64|arm64|all]: one file that needs no Node, no npm and no network. → dist/mooring
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import { bundle } from './bundle.mjs'
import { noticesOf } from './notices.mjs'
import { nodeFolder, prepareTools, root, run } from './tools.mjs'

const dist = join(root, 'dist')
/** What the build leaves beside the executables: the bundle, its source map, the notices. */
const work = join(dist, 'binary')

const targets = {
  x64: { strip: 'strip', machine: 0x3e, output: 'mooring' },
  // The Debian package binutils-aarch64-linux-gnu.
  arm64: { strip: 'aarch64-linux-gnu-strip', machine: 0xb7, output: 'mooring-arm64' },
}
// What an executable is called does not say for what it was built elsewhere: on arm64 `mooring` is still the one for x64.
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
  const { strip, machine, output } = targets[arch]
  const folder = join(work, arch)
  mkdirSync(folder)
  const node = join(folder, 'node')
  // Before the program goes in: a third of Node are symbols that only a debugger reads.
  run(strip, ['-o', node, join(nodeFolder(arch), 'bin/node')])
  writeFileSync(join(dist, 'THIRD-PARTY-NOTICES'), noticesOf(packages, arch))

  const native = {
    'native/argon2.node': `node_modules/argon2/prebuilds/linux-${arch}/argon2.glibc.node`,
    'native/classic-level.node': `node_modules/classic-level/prebuilds/linux-${arch}/classic-level.node`,
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
      assets: { ...(await packagedFiles(folder)), ...native },
    }),
  )
  // The Node that builds and the Node inside must be of the same version.
  run(join(nodeFolder(process.arch), 'bin/node'), ['--build-sea', settings], { cwd: root })
  chmodSync(made, 0o755)
  renameSync(made, join(dist, output))
  rmSync(node)
  process.stderr.write(`dist/${output}  ${(statSync(join(dist, output)).size / 1e6).toFixed(1)} MB\n`)
}

/** Name → file, by the list that the program looks them up in. Compressed, for most are long and none is often read. */
async function packagedFiles(folder) {
  const list = pathToFileURL(join(dist, 'executable/packaged-files.js')).href
  const { packagedFileNames, placeInSources } = await import(list)
  return Object.fromEntries(
    packagedFileNames().map((name) => {
      const file = join(folder, `${name}.gz`)
      writeFileSync(file, gzipSync(readFileSync(join(root, placeInSources(name))), { level: 9 }))
      return [name, file]
    }),
  )
}

/** dlopen would say of the wrong one that there is no such file. Source: elf(5), `e_machine`. */
function refuseOtherMachine(file, machine) {
  const found = readFileSync(file).readUInt16LE(18)
  if (found !== machine) throw new Error(`${file} is for the machine 0x${found.toString(16)}`)
}
