// The tools of this folder and the two Node binaries, fetched when something is packaged and not before.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '..')
const modules = join(import.meta.dirname, 'node_modules')

/** Brings `packaging/node_modules` in line with its lock file, and checks the two Node binaries against node.sha256. */
export function prepareTools() {
  // npm writes this file last, so a tree whose installation was interrupted counts as missing.
  const installed = join(modules, '.package-lock.json')
  const lock = join(import.meta.dirname, 'package-lock.json')
  if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lock).mtimeMs) {
    process.stderr.write('Installing what packages are made with (npm ci in packaging/) …\n')
    // One of the two Nodes is for another machine than this one, which npm refuses without --force.
    run('npm', ['ci', '--ignore-scripts', '--force', '--loglevel=error'], { cwd: import.meta.dirname })
  }
  for (const [expected, path] of recordedDigests()) {
    const digest = createHash('sha256')
      .update(readFileSync(join(modules, path)))
      .digest('hex')
    if (digest !== expected) throw new Error(`${path} is not the binary that packaging/node.sha256 records: ${digest}`)
  }
}

const recordedDigests = () =>
  readFileSync(join(import.meta.dirname, 'node.sha256'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split('  '))

/** @returns the folder of the Node that goes into the executable for `arch`. */
export const nodeFolder = (arch) => join(modules, `node-linux-${arch}`)

/** Runs a command; its failure is ours. @returns what it wrote on stdout. */
export function run(command, args, options = {}) {
  const { status, signal, error, stdout } = spawnSync(command, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    ...options,
  })
  if (error !== undefined) throw new Error(`${command} cannot be run: ${error.message}`)
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status ?? signal}`)
  return stdout
}

/** 0.1.0: the version of what is packaged. */
export const version = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version

/** Where `npm run build:binary` puts the executable for `arch`. */
export const binaryFor = (arch) => join(root, arch === 'x64' ? 'dist/mooring' : `dist/mooring-${arch}`)

/** 26.10.0: the Node inside the executable. */
export const nodeVersion = () => JSON.parse(readFileSync(join(nodeFolder('x64'), 'package.json'), 'utf8')).version
