// npm run build:deb [x64|arm64]: the Debian package of an executable that was built. → dist/mooring_VERSION_ARCH.deb
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { sbom } from './sbom.mjs'
import { binaryFor, root, run, version } from './tools.mjs'

const ARCHITECTURE = { x64: 'amd64', arm64: 'arm64' }
/** Where each shell looks for what a package completes, below /usr/share. */
const COMPLETIONS = {
  bash: 'bash-completion/completions/mooring',
  zsh: 'zsh/vendor-completions/_mooring',
  fish: 'fish/vendor_completions.d/mooring.fish',
}
const from = join(import.meta.dirname, 'debian')

/** @param compression - as dpkg-deb takes it. @returns the package. */
export function makeDeb(arch, compression) {
  const architecture = ARCHITECTURE[arch]
  const tree = join(root, `dist/deb-${architecture}`)
  rmSync(tree, { recursive: true, force: true })
  const put = (path, content, mode = 0o644) => {
    const file = join(tree, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
    chmodSync(file, mode)
  }

  put('usr/bin/mooring', '', 0o755)
  copyFileSync(binaryFor(arch), join(tree, 'usr/bin/mooring'))
  chmodSync(join(tree, 'usr/bin/mooring'), 0o755)
  put('etc/mooring/mooring.yaml', readFileSync(join(from, 'mooring.yaml')))
  put('usr/lib/systemd/system/mooring.service', readFileSync(join(from, 'mooring.service')))
  const program = join(root, 'dist/main.js')
  put('usr/share/man/man1/mooring.1.gz', gzip(run(process.execPath, [program, 'manual'])))
  for (const [shell, path] of Object.entries(COMPLETIONS)) {
    put(`usr/share/${path}`, run(process.execPath, [program, 'completion', shell]))
  }
  const doc = 'usr/share/doc/mooring'
  put(`${doc}/copyright`, readFileSync(join(root, 'LICENSE')))
  put(`${doc}/THIRD-PARTY-NOTICES.gz`, gzip(readFileSync(join(root, 'dist/THIRD-PARTY-NOTICES'))))
  put(`${doc}/CHANGELOG.md.gz`, gzip(readFileSync(join(root, 'CHANGELOG.md'))))
  put(`${doc}/mooring.cdx.json.gz`, gzip(sbom()))

  const installedSize = run('du', ['-sk', '--apparent-size', tree]).split('\t')[0]
  const control = readFileSync(join(from, 'control'), 'utf8')
    .replace('@VERSION@', version)
    .replace('@ARCHITECTURE@', architecture)
    .replace('@INSTALLED_SIZE@', installedSize)
  put('DEBIAN/control', control)
  put('DEBIAN/conffiles', '/etc/mooring/mooring.yaml\n')
  for (const script of ['postinst', 'prerm', 'postrm']) put(`DEBIAN/${script}`, readFileSync(join(from, script)), 0o755)

  const made = join(root, `dist/mooring_${version}_${architecture}.deb`)
  run('dpkg-deb', ['--root-owner-group', ...compression, '--build', tree, made])
  rmSync(tree, { recursive: true })
  return made
}

/** The same input gives the same file. */
const gzip = (content) => gzipSync(content, { level: 9 })

// Run by itself, for tests and for a first look: compressed quickly and not well.
if (process.argv[1] === import.meta.filename) {
  process.stderr.write(`${makeDeb(process.argv[2] ?? 'x64', ['-Zgzip', '-z1'])}\n`)
}
