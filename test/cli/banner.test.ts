import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { banner, servingLine, type BannerFacts } from '../../cli/index.ts'
import { loadConfig } from '../../config.ts'
import { aFolder } from '../support/folder.ts'

async function facts(t: TestContext, given: Partial<BannerFacts> = {}): Promise<BannerFacts> {
  return {
    version: '1.2.3',
    node: '20.20.2',
    loaded: loadConfig({ env: {}, cwd: await aFolder(t) }),
    addresses: { mqtt: { host: '127.0.0.1', port: 1883 }, http: { host: '127.0.0.1', port: 8080 } },
    dataFolderCreated: true,
    startMs: 93.7,
    ...given,
  }
}

test('the banner says what listens, for whom, and the line that changes it', async (t) => {
  const given = await facts(t)
  const { data } = given.loaded.config
  assert.equal(
    banner(given),
    [
      'mooring 1.2.3 (node 20.20.2)',
      '  config  built-in defaults (no mooring.yaml; make one with: mooring config init)',
      `  data    ${data}   (created, mode 0700)`,
      '  mqtt    127.0.0.1:1883       this machine only. For the network: --listen mqtt=0.0.0.0:1883 or MOORING_LISTEN_MQTT=0.0.0.0:1883',
      '  http    127.0.0.1:8080       this machine only. For the network: --listen http=0.0.0.0:8080 or MOORING_LISTEN_HTTP=0.0.0.0:8080',
      '  tls     off                  mooring cert self-signed, or mooring cert import CERTIFICATE KEY',
      'ready in 94 ms',
      '',
    ].join('\n'),
  )
})

test('the banner of an open and encrypted server warns of nothing', async (t) => {
  const given = await facts(t, {
    dataFolderCreated: false,
    addresses: { mqtts: { host: '0.0.0.0', port: 8883 }, https: { host: '::', port: 8443 } },
  })
  const text = banner(given)
  assert.doesNotMatch(text, /this machine only|created|tls +off/)
  assert.match(text, / {2}mqtts +0\.0\.0\.0:8883 +devices, encrypted\n/)
  assert.match(text, / {2}https +\[::\]:8443 +registration/)
})

test('where programs read the log, one line says the same', async (t) => {
  const given = await facts(t)
  const [fields, message] = servingLine(given)
  assert.equal(message, 'ready in 94 ms')
  assert.deepEqual(JSON.parse(JSON.stringify(fields)), {
    event: 'serving',
    version: '1.2.3',
    node: '20.20.2',
    data: join(given.loaded.config.data),
    dataFolderCreated: true,
    listeners: { mqtt: '127.0.0.1:1883', http: '127.0.0.1:8080' },
    startMs: 94,
  })
})
