import { loadConfig } from '../../config.ts'
import { startServer } from '../../server.ts'
import { registrationContract } from '../contract/registration.ts'
import { aCertificate } from '../support/certificate.ts'
import { aFolder } from '../support/folder.ts'
import { memoryLog } from '../support/log.ts'
import { ISSUER, SIGNING_SECRET } from '../support/registry.ts'
import { everyDevice } from '../support/every-device.ts'

// In this process: a process for each of them would take half a minute and say no more about the answers.
for (const scheme of ['http', 'https'] as const) {
  registrationContract(`the whole server on its store, over ${scheme}`, async (t) => {
    const { ca, certFile, keyFile } = await aCertificate()
    const { config } = loadConfig({
      env: {
        MOORING_LISTEN_MQTT: 'off',
        MOORING_LISTEN_HTTP: 'off',
        MOORING_TLS_CERT: certFile,
        MOORING_TLS_KEY: keyFile,
        [`MOORING_LISTEN_${scheme.toUpperCase()}`]: '127.0.0.1:0',
        MOORING_REGISTRATION_SECRET: SIGNING_SECRET,
        MOORING_REGISTRATION_ISSUER: ISSUER,
      },
      cwd: await aFolder(t),
    })
    const server = await startServer(config, { log: memoryLog(), version: '1.2.3', poolThreads: 4 })
    t.after(() => server.close())
    return {
      baseUrl: `${scheme}://127.0.0.1:${server.addresses[scheme]?.port}`,
      ca,
      secret: SIGNING_SECRET,
      issuer: ISSUER,
      manufacturerIds: async () => {
        const devices = await everyDevice((page) => server.operator.listDevices(page))
        return devices.map(({ manufacturerId }) => manufacturerId)
      },
    }
  })
}
