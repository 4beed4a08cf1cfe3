import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { cp, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { needsDebian } from './debian.ts'
import { projectFolder } from './folder.ts'

const { version } = JSON.parse(readFileSync(join(projectFolder, 'package.json'), 'utf8')) as { version: string }

/** What was built, and how it is built. */
export const packages = {
  binary: { file: join(projectFolder, 'dist/mooring'), builtBy: 'npm run build:binary' },
  arm64: { file: join(projectFolder, 'dist/mooring-arm64'), builtBy: 'npm run build:binary all' },
  deb: { file: join(projectFolder, `dist/mooring_${version}_amd64.deb`), builtBy: 'npm run build:deb' },
  image: { file: join(projectFolder, `dist/mooring-${version}-image-amd64.tar`), builtBy: 'npm run build:image' },
} as const

/**
 * For `{ skip: … }`: false when it is there, else the reason that the report shows. Packages take longer to build than all
 * tests to run, so that here they are only looked at; in CI they are built before, and a missing one fails.
 */
export function needsPackage(name: keyof typeof packages): string | false {
  const { file, builtBy } = packages[name]
  if (process.env['CI'] || existsSync(file)) return false
  return `needs ${file}: ${builtBy}`
}

/** The same for tests that mount file systems, or install. */
export const needsRoot = (): string | false =>
  process.env['CI'] || process.getuid?.() === 0 ? false : 'needs root, to mount file systems'

export const needsQemu = (): string | false =>
  needsDebian('qemu-user', 'command -v qemu-aarch64') ||
  needsDebian('libatomic1-arm64-cross', '/usr/aarch64-linux-gnu/lib/libatomic.so.1') ||
  needsDebian('libstdc++6-arm64-cross', '/usr/aarch64-linux-gnu/lib/libstdc++.so.6')

/** Runs a shell script in a mount namespace of its own. What it mounts is gone with it. */
export function inNamespace(script: string, env: Readonly<Record<string, string>>): { code: number; output: string } {
  const { PATH = '' } = process.env
  const { status, stdout, stderr } = spawnSync('unshare', ['--mount', 'sh', '-euc', script], {
    env: { PATH, ...env },
    encoding: 'utf8',
    timeout: 120_000,
  })
  return { code: status ?? -1, output: `${stdout}${stderr}` }
}

/** What the executable is linked with, as `ldd` finds it; nothing else goes into the root folder. */
export async function bareRoot(root: string, executable: string): Promise<void> {
  const { stdout } = spawnSync('ldd', [executable], { encoding: 'utf8' })
  const libraries = Array.from(stdout.matchAll(/(\/\S+) \(0x/g), ([, path]) => path ?? '')
  assert.ok(libraries.length > 5, stdout)
  for (const library of libraries) {
    await mkdir(dirname(join(root, library)), { recursive: true })
    await cp(library, join(root, library), { dereference: true })
  }
  for (const folder of ['proc', 'tmp']) await mkdir(join(root, folder))
  await cp(executable, join(root, 'mooring'))
}
