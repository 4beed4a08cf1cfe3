import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { chmod, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { connect, type PeerCertificate } from 'node:tls'
import { once } from 'node:events'
import { generate } from 'selfsigned'
import { loadConfig } from '../../config.ts'
import { startServer } from '../../server.ts'
import { aCertificate, anotherCertificate } from '../support/certificate.ts'
import { aFolder } from '../support/folder.ts'
import { memoryLog } from '../support/log.ts'
import { run } from './harness.ts'

async function aShell(t: TestContext, env: NodeJS.ProcessEnv = {}) {
  const cwd = await aFolder(t)
  const mooring = (...argv: readonly string[]) => run([...argv, '--data', 'data'], { cwd, env })
  const read = (name: string): Promise<string> => readFile(join(cwd, 'data/tls', name), 'utf8')
  return { cwd, mooring, read }
}

/** What a server shows, when `ca` vouches for it. */
async function shownBy(port: number, ca: string, host: string): Promise<PeerCertificate> {
  const socket = connect({ port, host: '127.0.0.1', ca, servername: host })
  await once(socket, 'secureConnect')
  const certificate = socket.getPeerCertificate()
  socket.destroy()
  return certificate
}

// ---- self-signed

const noHosts = ['', 'a b', '*', 'a..b', '-a', `${'x'.repeat(64)}.example`, 'https://a', '192.0.2.300/24', 'a:b']
for (const host of noHosts) {
  test(`no certificate is for ${JSON.stringify(host)}`, async (t) => {
    const { mooring } = await aShell(t)
    const { code, stderr } = await mooring('cert', 'self-signed', '--host', host)
    assert.equal(code, 2)
    assert.match(stderr, /neither a host name nor an IP address/)
  })
}

test('no certificate is valid for no day, or for longer than its authority', async (t) => {
  const { mooring } = await aShell(t)
  for (const days of ['0', '3651', '-1', 'x'])
    assert.equal((await mooring('cert', 'self-signed', '--days', days)).code, 2)
})

test('a certificate that is there is not overwritten', async (t) => {
  const { mooring, read } = await aShell(t)
  assert.equal((await mooring('cert', 'self-signed', '--host', 'one.example')).code, 0)
  const before = [await read('cert.pem'), await read('key.pem')]
  const { code, stderr } = await mooring('cert', 'self-signed', '--host', 'two.example')
  assert.equal(code, 5)
  assert.match(stderr, /--force/)
  assert.deepEqual([await read('cert.pem'), await read('key.pem')], before)
})

test('a certificate is for the names that were given, and only its owner reads the keys', async (t) => {
  const { cwd, mooring, read } = await aShell(t)
  const hosts = ['broker.example', '*.lab.example', 'bücher.example', '192.0.2.7', '2001:db8::1']
  const flags = hosts.flatMap((host) => ['--host', host])
  const { code, stdout } = await mooring('cert', 'self-signed', ...flags, '--days', '30', '--json')
  assert.equal(code, 0)
  const answer = JSON.parse(stdout) as Record<string, unknown>
  const [leaf, authority] = [new X509Certificate(await read('cert.pem')), new X509Certificate(await read('ca.pem'))]
  assert.equal(answer['caFingerprint256'], authority.fingerprint256)
  assert.ok(leaf.checkIssued(authority) && leaf.verify(authority.publicKey) && authority.ca && !leaf.ca)
  for (const host of ['broker.example', 'x.lab.example', 'xn--bcher-kva.example']) assert.ok(leaf.checkHost(host), host)
  for (const address of ['192.0.2.7', '2001:db8::1']) assert.ok(leaf.checkIP(address), address)
  assert.equal(leaf.checkHost('other.example'), undefined)
  assert.ok(Math.abs(Date.parse(leaf.validTo) - Date.now() - 30 * 86_400_000) < 60_000)
  for (const name of ['key.pem', 'ca.key']) assert.equal((await stat(join(cwd, 'data/tls', name))).mode & 0o777, 0o600)
})

test('OpenSSL finds the chain right', async (t) => {
  const { cwd, mooring } = await aShell(t)
  await mooring('cert', 'self-signed', '--host', 'broker.example')
  const at = (name: string): string => join(cwd, 'data/tls', name)
  const strict = ['verify', '-x509_strict', '-purpose', 'sslserver', '-verify_hostname', 'broker.example']
  assert.match(execFileSync('openssl', [...strict, '-CAfile', at('ca.pem'), at('cert.pem')]).toString(), /: OK\n$/)
})

test('with --force the authority stays, so that devices need nothing new', async (t) => {
  const { mooring, read } = await aShell(t)
  await mooring('cert', 'self-signed', '--host', 'one.example')
  const [ca, cert] = [await read('ca.pem'), await read('cert.pem')]
  const { code, stdout } = await mooring('cert', 'self-signed', '--host', 'two.example', '--force')
  assert.equal(code, 0)
  assert.match(stdout, /as before/)
  assert.equal(await read('ca.pem'), ca)
  assert.notEqual(await read('cert.pem'), cert)
  assert.ok(new X509Certificate(await read('cert.pem')).verify(new X509Certificate(ca).publicKey))
})

test('an authority without its key, with the key of another or of another kind signs nothing', async (t) => {
  const { cwd, mooring } = await aShell(t)
  await mooring('cert', 'self-signed')
  const { ca } = await anotherCertificate()
  await writeFile(join(cwd, 'data/tls/ca.pem'), ca)
  const other = await mooring('cert', 'self-signed', '--force')
  assert.equal(other.code, 1)
  assert.match(other.stderr, /is not the key of/)
  await writeFile(join(cwd, 'data/tls/ca.key'), 'no key')
  assert.match((await mooring('cert', 'self-signed', '--force')).stderr, /not what it should be, in PEM/)
})

// ---- import

const refused: readonly { name: string; says: RegExp; pair: () => Promise<{ cert: string; key: string }> }[] = [
  { name: 'is no PEM', says: /holds no certificate/, pair: async () => ({ ...(await aCertificate()), cert: 'x' }) },
  {
    name: 'is broken',
    says: /not what it should be/,
    pair: async () => ({
      ...(await aCertificate()),
      cert: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    }),
  },
  {
    name: 'has the key of another',
    says: /key\.pem does not belong to/,
    pair: async () => ({ ...(await aCertificate()), key: (await anotherCertificate()).key }),
  },
  {
    name: 'has no key beside it',
    says: /not what it should be, in PEM/,
    pair: async () => ({ ...(await aCertificate()), key: (await aCertificate()).cert }),
  },
  {
    name: 'has an encrypted key',
    says: /encrypted[^]*openssl pkey/,
    pair: async () => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const key = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' })
      return { ...(await aCertificate()), key: key.toString() }
    },
  },
  {
    name: 'begins with its authority',
    says: /does not begin with the certificate of the server/,
    pair: async () => {
      const { cert, ca, key } = await aCertificate()
      return { cert: `${ca}\n${cert}`, key }
    },
  },
  {
    name: 'is followed by one that did not sign it',
    says: /was not signed by/,
    pair: async () => {
      const { cert, key } = await aCertificate()
      return { cert: `${cert}\n${(await anotherCertificate()).ca}`, key }
    },
  },
  { name: 'has expired', says: /has expired/, pair: () => dated('2020-01-01', '2021-01-01') },
  { name: 'is not valid yet', says: /not valid yet/, pair: () => dated('2200-01-01', '2201-01-01') },
]

async function dated(from: string, to: string): Promise<{ cert: string; key: string }> {
  const dates = { notBeforeDate: new Date(from), notAfterDate: new Date(to) }
  const made = await generate([{ name: 'commonName', value: 'x' }], { keyType: 'ec', algorithm: 'sha256', ...dates })
  return { cert: made.cert, key: made.private }
}

for (const { name, says, pair } of refused) {
  test(`a certificate that ${name} is not imported, and the one before stays`, async (t) => {
    const { cwd, mooring, read } = await aShell(t)
    const { cert, key } = await pair()
    await writeFile(join(cwd, 'cert.pem'), cert)
    await writeFile(join(cwd, 'key.pem'), key)
    const good = await aCertificate()
    assert.equal((await mooring('cert', 'import', good.certFile, good.keyFile)).code, 0)
    const { code, stderr } = await mooring('cert', 'import', 'cert.pem', 'key.pem')
    assert.equal(code, 1)
    assert.match(stderr, says)
    assert.deepEqual([await read('cert.pem'), await read('key.pem')], [good.cert, good.key])
  })
}

test('without a place in the configuration it goes into the data folder, and the next step is told', async (t) => {
  const { cwd, mooring } = await aShell(t)
  const { certFile, keyFile } = await aCertificate()
  const { code, stderr } = await mooring('cert', 'import', certFile, keyFile)
  assert.equal(code, 0)
  assert.match(stderr, /mooring\.yaml:\n {2}tls:\n {4}cert: ".*data\/tls\/cert\.pem"/)
  assert.equal((await stat(join(cwd, 'data/tls/key.pem'))).mode & 0o777, 0o600)
})

test('a file that is there keeps its mode, and a link is replaced and not what it leads to', async (t) => {
  const cwd = await aFolder(t)
  const [at, old] = [(name: string) => join(cwd, name), await aCertificate()]
  await writeFile(at('archived.pem'), old.cert)
  await symlink(at('archived.pem'), at('cert.pem'))
  await writeFile(at('key.pem'), old.key)
  await chmod(at('key.pem'), 0o640)
  const { cert, certFile, keyFile } = await anotherCertificate()
  const env = { MOORING_TLS_CERT: at('cert.pem'), MOORING_TLS_KEY: at('key.pem') }
  const { code, stderr } = await run(['cert', 'import', certFile, keyFile], { cwd, env })
  assert.equal(code, 0, stderr)
  assert.equal(await readFile(at('archived.pem'), 'utf8'), old.cert)
  assert.equal(await readFile(at('cert.pem'), 'utf8'), cert)
  assert.equal((await stat(at('key.pem'))).mode & 0o777, 0o640)
})

test('a running server shows a certificate as soon as it was imported', async (t) => {
  const cwd = await aFolder(t)
  const env = {
    MOORING_DATA: join(cwd, 'data'),
    MOORING_TLS_CERT: join(cwd, 'cert.pem'),
    MOORING_TLS_KEY: join(cwd, 'key.pem'),
    MOORING_LISTEN_MQTT: 'off',
    MOORING_LISTEN_HTTP: 'off',
    MOORING_LISTEN_MQTTS: '127.0.0.1:0',
  }
  const [first, second] = [await aCertificate(), await anotherCertificate()]
  await run(['cert', 'import', first.certFile, first.keyFile], { cwd, env })
  assert.equal((await run(['cert', 'reload'], { cwd, env })).code, 7)
  const log = memoryLog()
  const server = await startServer(loadConfig({ env, cwd }).config, { log, version: '1', poolThreads: 4 })
  t.after(() => server.close())
  const port = server.addresses.mqtts?.port ?? 0
  assert.equal((await shownBy(port, first.ca, 'localhost')).subject.CN, 'localhost')
  const { code, stderr } = await run(['cert', 'import', second.certFile, second.keyFile], { cwd, env })
  assert.deepEqual([code, stderr], [0, 'The running server shows it to new connections from now on.\n'])
  assert.equal((await shownBy(port, second.ca, 'localhost')).subject.CN, 'localhost')

  assert.match((await run(['cert', 'reload'], { cwd, env })).stdout, /the certificate of CN=localhost, until 2/)
  await writeFile(join(cwd, 'key.pem'), first.key)
  const torn = await run(['cert', 'reload'], { cwd, env })
  assert.equal(torn.code, 5)
  assert.match(torn.stderr, /the one before stays/)
  assert.equal((await shownBy(port, second.ca, 'localhost')).subject.CN, 'localhost')
})
