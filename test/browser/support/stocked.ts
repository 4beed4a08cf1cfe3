import type { TestContext } from 'node:test'
import { startMooring, type Mooring } from '../../support/server.ts'
import { connectDevice } from './device.ts'
import { firstOperator, type Operator } from './operator.ts'

export interface Stocked {
  readonly server: Mooring
  readonly operator: Operator
  /** Of a device that is connected and says something. */
  readonly devicePath: string
}

const SITES = ['berlin', 'berlin', 'porto', 'porto', 'oslo', 'oslo', 'oslo', 'turin']

/** A server as it is after some weeks: something of everything that a page can show. */
export async function stocked(t: TestContext): Promise<Stocked> {
  const server = await startMooring(t, { settings: { registration: { mode: 'approve' } } })
  const operator = await firstOperator(server)
  const { ask } = operator
  const ids = SITES.map((_site, index) => `PUMP-${String(index + 1).padStart(4, '0')}`)
  // Each asks, is approved, and asks again.
  await Promise.all(ids.map((id) => server.register(id).catch(() => undefined)))
  await ask('POST', '/approvals/decide', { decision: 'approved', manufacturerIds: ids })
  const credentials = await Promise.all(ids.map((id) => server.register(id)))
  await Promise.all(['VALVE-0007', 'VALVE-0008', 'unknown'].map((id) => server.register(id).catch(() => undefined)))

  for (const [index, { deviceId }] of credentials.entries()) {
    const set = [
      { key: 'site', value: SITES[index] ?? '' },
      { key: 'line', value: String((index % 3) + 1) },
    ]
    await ask('PATCH', `/devices/${deviceId}/tags`, { set })
  }
  const [first, second, third, fourth, fifth, sixth] = credentials
  if (!first || !second || !third || !fourth || !fifth || !sixth) throw new Error('the devices are not there')
  const connected = await Promise.all(
    [first, second, third, fourth].map((one) => connectDevice(t, server.url('mqtt'), one)),
  )
  await ask('POST', `/devices/${fifth.deviceId}/disable`, {})
  await ask('POST', `/devices/${sixth.deviceId}/quarantine`, {})
  for (const device of connected) await device.publish({ rpm: 900, temperature: 41.5 })
  await connected.at(-1)?.leave()

  await ask('POST', '/accounts', { name: 'vera', role: 'viewer', password: 'a sentence that is long enough' })
  await ask('POST', '/api-tokens', { name: 'dashboard', role: 'viewer', scopes: ['*'] })
  await ask('POST', '/service-keys', { name: 'historian', rules: { subscribe: ['losant/+/state'] } })
  await server.json('token', 'create', '--name', 'line-3', '--max-registrations', '500', '--expires', '90d')
  return { server, operator, devicePath: `/devices/${first.deviceId}` }
}
