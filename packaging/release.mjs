// npm run release: everything that is given to operators, with its checksums. → dist/release/
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { makeDeb } from './deb.mjs'
import { makeImage } from './image.mjs'
import { sbom } from './sbom.mjs'
import { binaryFor, root, run, version } from './tools.mjs'

const release = join(root, 'dist/release')
rmSync(release, { recursive: true, force: true })
mkdirSync(release, { recursive: true })

run(process.execPath, [join(import.meta.dirname, 'build-binary.mjs'), 'all'])
writeFileSync(join(release, `mooring-${version}.cdx.json`), sbom())
for (const arch of ['x64', 'arm64']) {
  archive(arch)
  for (const made of [makeDeb(arch, ['-Zxz', '-z6']), makeImage(arch)]) renameSync(made, join(release, basename(made)))
}
const sums = readdirSync(release)
  .toSorted()
  .map(
    (name) =>
      `${createHash('sha256')
        .update(readFileSync(join(release, name)))
        .digest('hex')}  ${name}\n`,
  )
writeFileSync(join(release, 'SHA256SUMS'), sums.join(''))
process.stdout.write(sums.join(''))

/** The executable with what belongs beside it. */
function archive(arch) {
  const name = `mooring-${version}`
  const folder = join(root, 'dist', name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  copyFileSync(binaryFor(arch), join(folder, 'mooring'))
  for (const file of ['LICENSE', 'CHANGELOG.md']) copyFileSync(join(root, file), join(folder, file))
  copyFileSync(join(root, 'dist/THIRD-PARTY-NOTICES'), join(folder, 'THIRD-PARTY-NOTICES'))
  copyFileSync(join(release, `mooring-${version}.cdx.json`), join(folder, 'mooring.cdx.json'))
  const made = join(release, `${name}-linux-${arch}.tar.xz`)
  const owned = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner']
  run('tar', [...owned, '-C', join(root, 'dist'), '-I', 'xz -6 -T0', '-cf', made, name])
  rmSync(folder, { recursive: true })
}
