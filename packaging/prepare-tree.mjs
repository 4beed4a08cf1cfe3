// Brings node_modules in line with package-lock.json before a script of package.json needs it.
// Plain Node without dependencies: on a fresh clone nothing else is there yet.
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`Mooring needs Node.js 20.19 or newer; this is ${process.versions.node}.\n`)
  process.exit(1)
}

// npm writes this file last, so a tree whose installation was interrupted counts as missing.
const installed = 'node_modules/.package-lock.json'
const current = existsSync(installed) && statSync(installed).mtimeMs >= statSync('package-lock.json').mtimeMs
if (!current) {
  process.stderr.write('Installing dependencies (npm ci) …\n')
  const { status } = spawnSync('npm', ['ci', '--ignore-scripts', '--loglevel=error'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (status !== 0) {
    process.stderr.write('npm ci failed; its message is above. It needs the npm registry to be reachable.\n')
    process.exit(1)
  }
}
