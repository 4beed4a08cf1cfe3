// A container image without a container engine: the executable, the libraries it needs, and nothing else.
// Source: OCI image layout and image specification 1.0.
import { createHash } from 'node:crypto'
import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { binaryFor, root, run, version } from './tools.mjs'

/** Debian's libraries: of this machine, and of the packages libstdc++6-arm64-cross and libatomic1-arm64-cross. */
const platforms = {
  x64: {
    name: 'amd64',
    from: '/lib/x86_64-linux-gnu',
    also: '/usr/lib/x86_64-linux-gnu',
    to: 'lib/x86_64-linux-gnu',
    loader: ['/lib64/ld-linux-x86-64.so.2', 'lib64/ld-linux-x86-64.so.2'],
  },
  arm64: {
    name: 'arm64',
    from: '/usr/aarch64-linux-gnu/lib',
    also: '/usr/aarch64-linux-gnu/lib',
    to: 'lib/aarch64-linux-gnu',
    loader: ['/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1', 'lib/ld-linux-aarch64.so.1'],
  },
}
const LIBRARIES = [
  'libc.so.6',
  'libm.so.6',
  'libdl.so.2',
  'libpthread.so.0',
  'libstdc++.so.6',
  'libgcc_s.so.1',
  'libatomic.so.1',
]
const LICENCES = ['libc6', 'libstdc++6', 'libgcc-s1', 'libatomic1']

/** No shell and no users but these; every other number works as well. */
const PASSWD = 'root:x:0:0:root:/:/sbin/nologin\nmooring:x:10001:10001:Mooring:/data:/sbin/nologin\n'
const GROUP = 'root:x:0:\nmooring:x:10001:\n'

const EPOCH = '@0'

/** @returns the image as one file, for `docker load`, `podman load` or `skopeo copy`. */
export function makeImage(arch) {
  const platform = platforms[arch]
  const work = join(root, `dist/image-${platform.name}`)
  rmSync(work, { recursive: true, force: true })
  const rootFolder = join(work, 'root')
  fillRoot(rootFolder, arch, platform)
  const layer = run('tar', [...reproducible, '-C', rootFolder, '-c', '.'], { encoding: 'buffer' })

  const layout = join(work, 'layout')
  const blob = (content, mediaType) => {
    const digest = sha256(content)
    mkdirSync(join(layout, 'blobs/sha256'), { recursive: true })
    writeFileSync(join(layout, 'blobs/sha256', digest), content)
    return { mediaType, digest: `sha256:${digest}`, size: content.length }
  }
  const layers = [blob(gzipSync(layer, { level: 6 }), 'application/vnd.oci.image.layer.v1.tar+gzip')]
  const config = blob(json(configOf(platform.name, layer)), 'application/vnd.oci.image.config.v1+json')
  const manifestType = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = blob(json({ schemaVersion: 2, mediaType: manifestType, config, layers }), manifestType)
  const annotations = { 'org.opencontainers.image.ref.name': version, 'io.containerd.image.name': `mooring:${version}` }
  writeFileSync(join(layout, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }))
  writeFileSync(
    join(layout, 'index.json'),
    json({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [{ ...manifest, platform: { os: 'linux', architecture: platform.name }, annotations }],
    }),
  )
  const made = join(root, `dist/mooring-${version}-image-${platform.name}.tar`)
  run('tar', [...reproducible, '-C', layout, '-cf', made, 'oci-layout', 'index.json', 'blobs'])
  rmSync(work, { recursive: true })
  return made
}

const reproducible = ['--sort=name', `--mtime=${EPOCH}`, '--owner=0', '--group=0', '--numeric-owner', '--format=ustar']

function fillRoot(folder, arch, { from, also, to, loader }) {
  const put = (file, path, mode) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    copyFileSync(file, join(folder, path))
    chmodSync(join(folder, path), mode)
  }
  put(binaryFor(arch), 'usr/bin/mooring', 0o755)
  put(loader[0], loader[1], 0o755)
  for (const library of LIBRARIES) {
    put(
      [from, also].map((place) => join(place, library)).find(existsSync) ?? join(from, library),
      join(to, library),
      0o644,
    )
  }
  for (const name of LICENCES) put(`/usr/share/doc/${name}/copyright`, `usr/share/doc/${name}/copyright`, 0o644)
  put(join(root, 'LICENSE'), 'usr/share/doc/mooring/copyright', 0o644)
  put(join(root, 'dist/THIRD-PARTY-NOTICES'), 'usr/share/doc/mooring/THIRD-PARTY-NOTICES', 0o644)
  mkdirSync(join(folder, 'etc'))
  writeFileSync(join(folder, 'etc/passwd'), PASSWD)
  writeFileSync(join(folder, 'etc/group'), GROUP)
  // Whoever runs it makes a folder of his own in here, which nobody else may enter.
  for (const open of ['data', 'tmp']) {
    mkdirSync(join(folder, open))
    chmodSync(join(folder, open), 0o1777)
  }
}

const configOf = (architecture, layer) => ({
  architecture,
  os: 'linux',
  config: {
    User: '10001:10001',
    Env: ['MOORING_DATA=/data/mooring', 'MOORING_LISTEN_MQTT=0.0.0.0:1883', 'MOORING_LISTEN_HTTP=0.0.0.0:8080'],
    Entrypoint: ['/usr/bin/mooring'],
    Cmd: ['serve'],
    WorkingDir: '/data',
    Volumes: { '/data': {} },
    ExposedPorts: { '1883/tcp': {}, '8883/tcp': {}, '8080/tcp': {}, '8443/tcp': {} },
    StopSignal: 'SIGTERM',
    Labels: {
      'org.opencontainers.image.title': 'mooring',
      'org.opencontainers.image.version': version,
      'org.opencontainers.image.licenses': 'MIT',
    },
  },
  rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
  history: [{ created_by: 'npm run release' }],
})

const json = (value) => Buffer.from(`${JSON.stringify(value)}\n`)
const sha256 = (content) => createHash('sha256').update(content).digest('hex')

if (process.argv[1] === import.meta.filename) process.stderr.write(`${makeImage(process.argv[2] ?? 'x64')}\n`)
