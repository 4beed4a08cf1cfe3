import assert from 'node:assert/strict'
import { parse } from 'csv-parse/sync'
import { test } from 'node:test'
import { aDevice } from '../../support/registry.ts'
import { anAdminDoor, type AdminDoor } from './support.ts'

const rowsOf = async (door: AdminDoor, query = ''): Promise<Record<string, string>[]> => {
  const { status, text } = await door.ask(`/devices.csv${query}`, { headers: await door.session('viewer') })
  assert.equal(status, 200, text)
  return parse(text, { columns: true })
}

test('a filter that means nothing is refused before a byte is sent', async (t) => {
  const door = await anAdminDoor(t)
  const { status, body } = await door.ask('/devices.csv?state=gone', { headers: await door.session('viewer') })
  assert.deepEqual([status, body['type']], [400, 'urn:mooring:problem:input-invalid'])
})

test('an API token for devices may read the file, and one for others may not', async (t) => {
  const door = await anAdminDoor(t)
  assert.equal(
    (await door.ask('/devices.csv', { headers: await door.apiToken('viewer', ['devices:read']) })).status,
    200,
  )
  assert.equal((await door.ask('/devices.csv', { headers: await door.apiToken('viewer', ['tokens']) })).status, 403)
})

for (const manufacturerId of ['=1+1', '+1', '-1', '@SUM(A1)', '=HYPERLINK("http://x";"y")']) {
  test(`a spreadsheet takes ${manufacturerId} for text`, async (t) => {
    const door = await anAdminDoor(t)
    await aDevice(door.registry, manufacturerId)
    const [row] = await rowsOf(door)
    assert.equal(row?.['manufacturerId'], `'${manufacturerId}`)
  })
}

test('quotes, commas and tags come through whole', async (t) => {
  const door = await anAdminDoor(t)
  const { deviceId } = await aDevice(door.registry, 'a "b", c;d')
  await door.registry.devices.change(deviceId, { kind: 'tag', set: [{ key: 'site', value: 'x,y' }], remove: [] })
  const [row] = await rowsOf(door)
  assert.equal(row?.['manufacturerId'], 'a "b", c;d')
  assert.equal(row?.['id'], deviceId)
  assert.equal(row?.['state'], 'active')
  assert.match(row?.['tags'] ?? '', /site=x,y/)
})

const presence = () =>
  ({ connected: true, address: '10.0.0.1', transport: 'tcp', since: '2026-01-02T03:04:05.678Z' }) as const

test('every page of the devices is in it, and only those that are meant', async (t) => {
  const door = await anAdminDoor(t, { operator: { presence } })
  const ids = Array.from({ length: 603 }, (_, n) => `A-${`${n}`.padStart(5, '0')}`)
  await Promise.all(ids.map((manufacturerId) => aDevice(door.registry, manufacturerId)))
  await door.registry.devices.change('A-00007', { kind: 'disable' })
  const rows = await rowsOf(door)
  assert.deepEqual(new Set(rows.map((row) => row['manufacturerId'])), new Set(ids))
  assert.equal(rows.length, ids.length)
  assert.deepEqual([rows[0]?.['connected'], rows[0]?.['address']], ['true', '10.0.0.1'])
  assert.deepEqual(
    (await rowsOf(door, '?state=disabled')).map((row) => row['manufacturerId']),
    ['A-00007'],
  )
})

test('it is a file to keep, and HEAD says so without it', async (t) => {
  const door = await anAdminDoor(t)
  const headers = await door.session('viewer')
  for (const method of ['GET', 'HEAD']) {
    const answer = await door.ask('/devices.csv', { method, headers })
    assert.equal(answer.status, 200)
    assert.match(answer.headers.get('content-type') ?? '', /^text\/csv; charset=utf-8/)
    assert.equal(answer.headers.get('content-disposition'), 'attachment; filename="devices.csv"')
    assert.equal(answer.text.startsWith('manufacturerId,id,'), method === 'GET')
  }
})
