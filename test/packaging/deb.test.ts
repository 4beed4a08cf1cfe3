import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { appendFile, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { startChild } from '../support/child.ts'
import { needsDebian } from '../support/debian.ts'
import { projectFolder } from '../support/folder.ts'
import { needsPackage, packages } from '../support/packages.ts'

const CONFIG = '/etc/mooring/mooring.yaml'
const DATA = '/var/lib/mooring'

function run(command: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  assert.equal(status, 0, `${command} ${args.join(' ')}\n${stdout}${stderr}`)
  return `${stdout}${stderr}`
}

/** Without waiting for the disk, which takes longer than all the rest. */
const install = (): string => run('dpkg', '--force-unsafe-io', '--install', packages.deb.file)

/** Owner, group and permissions. */
const ownership = (path: string): string => run('stat', '-c', '%U %G %a', path).trim()

/** The command line of the service, as its user, on free ports. */
function asService(t: TestContext, ...args: readonly string[]) {
  const user = ['--reuid=mooring', '--regid=mooring', '--clear-groups', '--inh-caps=-all', '--no-new-privs']
  return startChild(t, 'setpriv', [...user, '/usr/bin/mooring', ...args], {
    env: { HOME: DATA, CACHE_DIRECTORY: '/var/cache/mooring', MOORING_LOG_FORMAT: 'json' },
  })
}

test(
  'the unit is closed as far as the program allows',
  { skip: needsDebian('systemd', 'command -v systemd-analyze') },
  () => {
    const unit = join(projectFolder, 'packaging/debian/mooring.service')
    const said = run('systemd-analyze', 'security', '--offline=true', unit)
    const exposure = Number(/Overall exposure level for mooring\.service: ([\d.]+)/.exec(said)?.[1])
    assert.ok(exposure <= 2.5, said)
  },
)

const skip = needsPackage('deb') || (process.env['CI'] ? false : 'installs and purges on this machine: runs in CI only')

test('the package installs, serves as its user, and leaves what it should', { skip }, async (t) => {
  t.after(() => {
    spawnSync('dpkg', ['--purge', 'mooring'])
    spawnSync('userdel', ['mooring'])
  })
  install()
  assert.equal(ownership(CONFIG), 'root mooring 640')
  assert.equal(ownership(DATA), 'mooring mooring 700')
  assert.match(run('man', '--where', 'mooring'), /mooring\.1/)
  for (const [completions, words] of [
    ['bash-completion/completions/mooring', /^complete .*mooring$/m],
    ['zsh/vendor-completions/_mooring', /^#compdef mooring$/m],
    ['fish/vendor_completions.d/mooring.fish', /^complete -c mooring /m],
  ] as const) {
    assert.match(await readFile(join('/usr/share', completions), 'utf8'), words)
  }
  assert.equal(run('systemd-analyze', 'verify', '/usr/lib/systemd/system/mooring.service'), '')

  const unit = await readFile('/usr/lib/systemd/system/mooring.service', 'utf8')
  const [program, ...args] = /^ExecStart=(.+)$/m.exec(unit)?.[1]?.split(' ') ?? []
  assert.equal(program, '/usr/bin/mooring')
  const server = asService(t, ...args, '--listen', 'mqtt=127.0.0.1:0', '--listen', 'http=127.0.0.1:0')
  await server.line(/"event":"serving"/)
  const status = asService(t, '--data', DATA, 'status')
  assert.equal(await status.ended, 0, status.lines.join('\n'))
  assert.equal(await server.stop(), 0)

  // Settings and data outlive an installation of the package over itself, and a removal.
  await appendFile(CONFIG, '# of the operator\n')
  install()
  assert.equal(ownership(CONFIG), 'root mooring 640')
  run('dpkg', '--remove', 'mooring')
  assert.equal(existsSync('/usr/bin/mooring'), false)
  assert.match(await readFile(CONFIG, 'utf8'), /# of the operator/)
  assert.ok((await stat(join(DATA, 'store'))).isDirectory())

  run('dpkg', '--purge', 'mooring')
  for (const path of ['/etc/mooring', DATA, '/var/cache/mooring', '/usr/bin/mooring']) {
    assert.equal(existsSync(path), false, path)
  }
  // Nobody else may get the files that it still owns elsewhere.
  run('getent', 'passwd', 'mooring')
})
