import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { cp, mkdir, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { startChild, type Child } from './child.ts'
import { aFolder, projectFolder } from './folder.ts'

/** One device: a folder with its firmware and, after the first run, its credentials. */
export interface FirmwareSample {
  readonly credentialsFile: string
  /** Starts the firmware; `env` is what the factory and the operator would set. */
  start(env: Readonly<Record<string, string>>): Child
}

/** Short waits, so that a test of patience needs none. */
const quick = { BACKOFF_BASE_MS: '20', BACKOFF_MAX_MS: '200', STATE_INTERVAL_MS: '100' }

/** Copied away from the project, as its users do; only the one dependency it declares can be found. */
export async function aNodeDevice(t: TestContext): Promise<FirmwareSample> {
  const folder = await aFolder(t)
  await cp(join(projectFolder, 'firmware-sample', 'node', 'index.js'), join(folder, 'index.js'))
  await cp(join(projectFolder, 'firmware-sample', 'node', 'package.json'), join(folder, 'package.json'))
  await mkdir(join(folder, 'node_modules'))
  await symlink(join(projectFolder, 'node_modules', 'mqtt'), join(folder, 'node_modules', 'mqtt'))
  return {
    credentialsFile: join(folder, 'credentials.json'),
    start: (env) => startChild(t, process.execPath, ['index.js'], { cwd: folder, env: { ...quick, ...env } }),
  }
}

let built: string | undefined

/** Compiled once in each process, with the memory checks of the compiler. */
export async function aCDevice(t: TestContext): Promise<FirmwareSample> {
  built ??= build()
  const program = built
  const folder = await aFolder(t)
  return {
    credentialsFile: join(folder, 'credentials.json'),
    start: (env) => startChild(t, program, [], { cwd: folder, env: { ...quick, ...env } }),
  }
}

function build(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mooring-c-device-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const program = join(folder, 'device')
  const source = join(projectFolder, 'firmware-sample', 'c')
  const { status, stdout, stderr } = spawnSync('make', ['-C', source, `OUTPUT=${program}`, 'sanitized'], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`the C device does not build:\n${stdout}${stderr}`)
  return program
}
