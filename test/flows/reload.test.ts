import assert from 'node:assert/strict'
import { once } from 'node:events'
import { copyFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import tls from 'node:tls'
import { connectAsync } from 'mqtt'
import { aCertificate, anotherCertificate } from '../support/certificate.ts'
import { aFolder } from '../support/folder.ts'
import { startMooring, type Mooring } from '../support/server.ts'

interface Served {
  readonly mooring: Mooring
  readonly certFile: string
  readonly keyFile: string
}

/** A server whose certificate files can be changed. */
async function serving(t: TestContext): Promise<Served> {
  const folder = await aFolder(t)
  const { certFile: cert, keyFile: key } = await aCertificate()
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  await copyFile(cert, certFile)
  await copyFile(key, keyFile)
  const env = { MOORING_TLS_CERT: certFile, MOORING_TLS_KEY: keyFile }
  return { mooring: await startMooring(t, { tls: true, env }), certFile, keyFile }
}

/** What a new connection is shown. */
async function shown(mooring: Mooring, listener: 'mqtts' | 'https'): Promise<string | undefined> {
  const port = mooring.addresses[listener]?.port ?? 0
  const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
  try {
    await once(socket, 'secureConnect')
    return socket.getPeerX509Certificate()?.toString()
  } finally {
    socket.destroy()
  }
}

const lines = (pem: string | undefined): string => (pem ?? '').replaceAll(/\s/g, '')

async function assertShown(mooring: Mooring, cert: string): Promise<void> {
  assert.equal(lines(await shown(mooring, 'mqtts')), lines(cert))
  assert.equal(lines(await shown(mooring, 'https')), lines(cert))
}

test('a certificate that does not fit its key changes nothing at SIGHUP', async (t) => {
  const { mooring, certFile } = await serving(t)
  const before = await aCertificate()
  await writeFile(certFile, (await anotherCertificate()).cert)
  mooring.process.signal('SIGHUP')
  await mooring.process.line(/"event":"certificate-refused"/)
  await assertShown(mooring, before.cert)
})

test('SIGHUP without a certificate ends nothing', async (t) => {
  const mooring = await startMooring(t)
  mooring.process.signal('SIGHUP')
  await mooring.register('A1')
  assert.equal(await mooring.stop(), 0)
})

test('after SIGHUP new connections see the new certificate, and the old ones stay', async (t) => {
  const { mooring, certFile, keyFile } = await serving(t)
  const connected = [await connect(t, mooring, 'mqtts', 'A1'), await connect(t, mooring, 'wss', 'A2')]

  const { cert, key } = await anotherCertificate()
  await writeFile(certFile, cert)
  await writeFile(keyFile, key)
  mooring.process.signal('SIGHUP')
  await mooring.process.line(/"event":"certificate-loaded"/)
  await assertShown(mooring, cert)
  for (const { client, topic } of connected) await client.publishAsync(topic, 'still here', { qos: 1 })
})

async function connect(t: TestContext, mooring: Mooring, scheme: 'mqtts' | 'wss', manufacturerId: string) {
  const { deviceId, accessKey, accessSecret } = await mooring.register(manufacturerId)
  const login = { clientId: deviceId, username: accessKey, password: accessSecret }
  const url = mooring.url(scheme, scheme === 'wss' ? '/mqtt' : '')
  // It does not come back by itself: once disconnected it can publish nothing.
  const client = await connectAsync(url, { ...login, rejectUnauthorized: false, reconnectPeriod: 0 })
  t.after(() => client.endAsync(true))
  return { client, topic: `losant/${deviceId}/state` }
}

test('a certificate that was renewed is noticed without being told', async (t) => {
  const { mooring, certFile, keyFile } = await serving(t)
  const { cert, key } = await anotherCertificate()
  // In this order: for a moment the two do not belong together.
  await writeFile(`${certFile}.new`, cert)
  await writeFile(`${keyFile}.new`, key)
  await rename(`${certFile}.new`, certFile)
  await rename(`${keyFile}.new`, keyFile)
  await mooring.process.line(/"event":"certificate-loaded"/)
  await assertShown(mooring, cert)
})
