import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { startChild } from '../support/child.ts'
import { aFolder } from '../support/folder.ts'
import { bareRoot, inNamespace, needsPackage, needsQemu, needsRoot, packages } from '../support/packages.ts'

const { binary, arm64 } = packages
const skip = needsPackage('binary') || needsRoot()

test('where no place allows execution, and there is no memory for it, each attempt is listed', { skip }, async (t) => {
  const root = await aFolder(t)
  await bareRoot(root, binary.file)
  const { code, output } = inNamespace(
    // Memory is reached through /proc, which is not there.
    `mount --bind "$ROOT" "$ROOT"; mount -o remount,bind,ro "$ROOT"
     mount -t tmpfs -o noexec tmpfs "$ROOT/tmp"
     exec env -i /usr/sbin/chroot "$ROOT" /mooring serve --data /tmp/data`,
    { ROOT: root },
  )
  assert.equal(code, 1)
  assert.match(output, /^error: The native part .* found no place/)
  for (const words of [/in \/tmp: /, /in \/dev\/shm: ENOENT/, /memory: /, /MOORING_NATIVE_DIR=/])
    assert.match(output, words)
})

test('it works with nothing but the libraries of the system, and leaves nothing behind', { skip }, async (t) => {
  const root = await aFolder(t)
  await bareRoot(root, binary.file)
  const { code, output } = inNamespace(
    'mount -t proc proc "$ROOT/proc"; exec env -i /usr/sbin/chroot "$ROOT" /mooring self-test',
    { ROOT: root },
  )
  assert.equal(code, 0, output)
  assert.match(output, /This program works on this machine\.\n$/)
  assert.deepEqual(await readdir(join(root, 'tmp')), [])
})

test('it works where no file system that can be written allows execution', { skip }, async (t) => {
  const root = await aFolder(t)
  await bareRoot(root, binary.file)
  const { code, output } = inNamespace(
    `mount --bind "$ROOT" "$ROOT"; mount -o remount,bind,ro "$ROOT"
     mount -t proc proc "$ROOT/proc"
     mount -t tmpfs -o noexec tmpfs "$ROOT/tmp"
     exec env -i /usr/sbin/chroot "$ROOT" /mooring self-test`,
    { ROOT: root },
  )
  assert.equal(code, 0, output)
  assert.match(output, /This program works on this machine\.\n$/)
})

test('it works on arm64', { skip: needsPackage('arm64') || needsQemu() }, async (t) => {
  const child = startChild(t, 'qemu-aarch64', ['-L', '/usr/aarch64-linux-gnu', arm64.file, 'self-test'])
  assert.equal(await child.ended, 0, child.lines.join('\n'))
})

test('neither NODE_OPTIONS nor SIGUSR1 opens it to a debugger', { skip: needsPackage('binary') }, async (t) => {
  const data = await aFolder(t)
  const args = ['serve', '--data', data, '--listen', 'mqtt=127.0.0.1:0', '--listen', 'http=127.0.0.1:0']
  const env = { NODE_OPTIONS: '--inspect=127.0.0.1:0', MOORING_LOG_FORMAT: 'json' }
  const server = startChild(t, binary.file, args, { env })
  await server.line(/"event":"serving"/)
  server.signal('SIGUSR1')
  assert.equal(await server.stop(), 0)
  assert.equal(server.lines.filter((line) => /debugger/i.test(line)).length, 0, server.lines.join('\n'))
})

test('it carries its licences, its dashboard and its alerts', { skip: needsPackage('binary') }, async (t) => {
  for (const [name, words] of [
    ['THIRD-PARTY-NOTICES', /^Node\.js$/],
    ['grafana.json', /"panels"/],
    ['prometheus-alerts.yml', /alert:/],
  ] as const) {
    const child = startChild(t, binary.file, ['files', name])
    await child.line(words)
    assert.equal(await child.ended, 0)
  }
})
