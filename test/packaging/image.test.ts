import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { aFolder } from '../support/folder.ts'
import { inNamespace, needsPackage, needsRoot, packages } from '../support/packages.ts'

interface Descriptor {
  readonly digest: string
  readonly size: number
}

const extract = (file: string, folder: string): void =>
  assert.equal(spawnSync('tar', ['-xf', file, '-C', folder]).status, 0)

const skip = needsPackage('image') || needsRoot()

test(
  'the image is whole by its digests, and works read-only, as any user, without a place to execute',
  { skip },
  async (t) => {
    const folder = await aFolder(t)
    extract(packages.image.file, folder)
    const blobOf = async ({ digest, size }: Descriptor): Promise<Buffer> => {
      const content = await readFile(join(folder, 'blobs', digest.replace(':', '/')))
      assert.equal(`sha256:${createHash('sha256').update(content).digest('hex')}`, digest)
      assert.equal(content.length, size)
      return content
    }
    const json = async <T>(descriptor: Descriptor): Promise<T> => JSON.parse((await blobOf(descriptor)).toString()) as T
    const index = JSON.parse(await readFile(join(folder, 'index.json'), 'utf8')) as { manifests: [Descriptor] }
    const { config, layers } = await json<{ config: Descriptor; layers: [Descriptor] }>(index.manifests[0])
    const { rootfs } = await json<{ rootfs: { diff_ids: string[] } }>(config)
    const layer = gunzipSync(await blobOf(layers[0]))
    assert.deepEqual(rootfs.diff_ids, [`sha256:${createHash('sha256').update(layer).digest('hex')}`])

    const root = join(folder, 'root')
    await mkdir(root)
    extract(join(folder, 'blobs', layers[0].digest.replace(':', '/')), root)
    const { code, output } = inNamespace(
      `mkdir "$ROOT/proc"; mount --bind "$ROOT" "$ROOT"; mount -o remount,bind,ro "$ROOT"
     mount -t proc proc "$ROOT/proc"
     mount -t tmpfs -o noexec,mode=1777 tmpfs "$ROOT/tmp"; mount -t tmpfs -o noexec,mode=1777 tmpfs "$ROOT/data"
     env -i /usr/sbin/chroot --userspec=12345:12345 "$ROOT" /usr/bin/mooring self-test
     env -i MOORING_DATA=/data/mooring /usr/sbin/chroot --userspec=12345:12345 "$ROOT" /usr/bin/mooring key create --service any`,
      { ROOT: root },
    )
    assert.equal(code, 0, output)
    assert.match(output, /This program works on this machine\./)
  },
)
