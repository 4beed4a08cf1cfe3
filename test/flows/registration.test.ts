import assert from 'node:assert/strict'
import { connectOperator } from '../../admin/index.ts'
import { registrationContract } from '../contract/registration.ts'
import { aCertificate } from '../support/certificate.ts'
import { ISSUER, SIGNING_SECRET } from '../support/registry.ts'
import { startMooring } from '../support/server.ts'

for (const scheme of ['http', 'https'] as const) {
  registrationContract(`the whole program, over ${scheme}`, async (t) => {
    const server = await startMooring(t, {
      tls: scheme === 'https',
      env: { MOORING_REGISTRATION_SECRET: SIGNING_SECRET, MOORING_REGISTRATION_ISSUER: ISSUER },
    })
    return {
      baseUrl: server.url(scheme),
      secret: SIGNING_SECRET,
      issuer: ISSUER,
      // Over its socket, as the commands do: it is asked hundreds of times.
      manufacturerIds: async () => {
        const operator = await connectOperator(server.data)
        assert.ok(operator)
        const { devices } = await operator.listDevices({ limit: 1000 })
        return devices.map(({ manufacturerId }) => manufacturerId)
      },
      ...(scheme === 'https' && { ca: (await aCertificate()).ca }),
    }
  })
}
