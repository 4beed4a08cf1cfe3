import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AdminError, operatorOverHttp } from '../../../admin/index.ts'
import { RegistryError, Secret, type Role } from '../../../registry/index.ts'
import { aDevice } from '../../support/registry.ts'
import { anAdminDoor, type AdminDoor } from './support.ts'

async function operatorOf(door: AdminDoor, role: Role = 'admin') {
  const { authorization = '' } = await door.apiToken(role)
  return operatorOverHttp(new URL(door.baseUrl), new Secret(authorization.replace('Bearer ', '')))
}

const isAdminError = (reason: string, says: RegExp) => (error: unknown) =>
  error instanceof AdminError && error.reason === reason && says.test(error.message)

test('an API token is sent over HTTPS, or within this machine, and nowhere else', () => {
  for (const url of [
    'http://192.0.2.7:8080',
    'http://broker.example',
    'http://127.evil.example',
    'http://[2001:db8::1]',
  ]) {
    assert.throws(
      () => operatorOverHttp(new URL(url), new Secret('mooring_x')),
      isAdminError('denied', /not HTTPS/),
      url,
    )
  }
  for (const url of ['https://192.0.2.7', 'http://127.0.0.1:8080', 'http://localhost', 'http://[::1]:8080']) {
    operatorOverHttp(new URL(url), new Secret('mooring_x'))
  }
})

test('a token that does not hold, or may not do this, is denied by name', async (t) => {
  const door = await anAdminDoor(t)
  const stranger = operatorOverHttp(new URL(door.baseUrl), new Secret('mooring_nonsense'))
  await assert.rejects(stranger.listDevices({ limit: 1 }), isAdminError('denied', /API token/))
  const viewer = await operatorOf(door, 'viewer')
  await assert.rejects(viewer.deleteDevice({ device: 'A1' }), isAdminError('denied', /needs the role operator/))
})

test('what is not there, and what is no admin API, is told apart', async (t) => {
  const door = await anAdminDoor(t)
  const elsewhere = operatorOverHttp(new URL(`${door.baseUrl}/elsewhere`), new Secret('mooring_x'))
  await assert.rejects(elsewhere.status(), isAdminError('failed', /nothing here/))
  const nobody = operatorOverHttp(new URL('http://127.0.0.1:1'), new Secret('mooring_x'))
  await assert.rejects(nobody.status(), isAdminError('unreachable', /cannot be reached/))
})

test('operations are asked and refused as over the socket, whatever the names hold', async (t) => {
  const door = await anAdminDoor(t)
  const operator = await operatorOf(door)
  const names = ['A1-0001', 'a/b?c#d&e=f', 'ä %2F +', '../x']
  for (const name of names) {
    await aDevice(door.registry, name)
    assert.equal((await operator.getDevice({ device: name })).manufacturerId, name)
    await operator.tagDevice({ device: name, set: [{ key: 'line', value: '3' }] })
  }
  const { devices } = await operator.listDevices({ limit: 10, tag: 'line=3' })
  assert.deepEqual(devices.map(({ manufacturerId }) => manufacturerId).toSorted(), names.toSorted())
  const page = { change: { kind: 'disable' }, devices: { tag: 'line=3' }, limit: 10 } as const
  assert.equal((await operator.changeDevices(page)).changed.length, names.length)
  await assert.rejects(operator.getDevice({ device: 'nobody' }), (error: unknown) => {
    return error instanceof RegistryError && error.code === 'ERR_NOT_FOUND'
  })
})
