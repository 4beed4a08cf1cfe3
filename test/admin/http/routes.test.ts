import assert from 'node:assert/strict'
import { test } from 'node:test'
import { operations } from '../../../admin/index.ts'
import { ROLES, type Role } from '../../../registry/index.ts'
import { anAdminDoor, type AdminDoor } from './support.ts'

interface Described {
  readonly path: string
  readonly method: string
  /** Undefined for everyone. */
  readonly role: Role | undefined
}

/** Every route there is, from the document that tells others. */
async function routesOf(door: AdminDoor): Promise<Described[]> {
  const { status, body } = await door.ask('//openapi.json')
  assert.equal(status, 200)
  assert.equal(body['openapi'], '3.1.0')
  const paths = Object.entries(Object(body['paths']) as Record<string, Record<string, Record<string, unknown>>>)
  return paths.flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      path: path.replace('/admin/v1', '').replaceAll(/\{\w+\}/g, 'x'),
      method: method.toUpperCase(),
      role: ROLES.find((role) => role === operation['x-role']),
    })),
  )
}

test('every route but those to log in answers 401 without credentials, and with wrong ones', async (t) => {
  const door = await anAdminDoor(t)
  const open: string[] = []
  for (const { path, method, role } of await routesOf(door)) {
    if (role === undefined) open.push(`${method} ${path}`)
    else {
      for (const headers of [{}, { cookie: 'mooring=x' }, { authorization: 'Bearer mooring_x' }]) {
        const { status, body, headers: answered } = await door.ask(path, { method, headers })
        assert.equal(status, 401, `${method} ${path}`)
        assert.equal(body['type'], 'urn:mooring:problem:unauthenticated')
        assert.match(answered.get('www-authenticate') ?? '', /^Bearer/)
      }
    }
  }
  assert.deepEqual(open.toSorted(), ['GET /setup', 'POST /login', 'POST /setup'])
})

test('every route answers 403 beyond the role, before it looks at the request', async (t) => {
  const door = await anAdminDoor(t)
  const sessions = { viewer: await door.session('viewer'), operator: await door.session('operator') }
  const tokens = { viewer: await door.apiToken('viewer'), operator: await door.apiToken('operator') }
  let beyond = 0
  for (const { path, method, role } of await routesOf(door)) {
    for (const lower of ROLES.slice(0, role === undefined ? 0 : ROLES.indexOf(role)) as ('viewer' | 'operator')[]) {
      for (const headers of [sessions[lower], tokens[lower]]) {
        const { status, body } = await door.ask(path, { method, headers })
        assert.equal(status, 403, `${method} ${path} as ${lower}`)
        assert.equal(body['type'], 'urn:mooring:problem:forbidden')
        beyond += 1
      }
    }
  }
  assert.ok(beyond > 20)
})

test('an API token with the scopes of another noun, or for reading only, answers 403', async (t) => {
  const door = await anAdminDoor(t)
  const elsewhere = await door.apiToken('admin', ['nowhere'])
  const reading = await door.apiToken('admin', ['*:read'])
  for (const { path, method, role } of await routesOf(door)) {
    if (role === undefined) continue
    assert.equal((await door.ask(path, { method, headers: elsewhere })).status, 403, `${method} ${path}`)
    if (role === 'viewer') continue
    assert.equal((await door.ask(path, { method, headers: reading })).status, 403, `${method} ${path}`)
  }
})

test('a scope opens its noun, and with :read only what changes nothing', async (t) => {
  const door = await anAdminDoor(t)
  const devices = await door.apiToken('operator', ['devices'])
  const reading = await door.apiToken('operator', ['devices:read', 'status'])
  for (const headers of [devices, reading]) assert.equal((await door.ask('/devices', { headers })).status, 200)
  assert.equal((await door.ask('/status', { headers: reading })).status, 200)
  assert.equal((await door.ask('/status', { headers: devices })).status, 403)
  const disable = { method: 'POST' }
  assert.equal((await door.ask('/devices/x/disable', { ...disable, headers: reading })).status, 403)
  assert.equal((await door.ask('/devices/x/disable', { ...disable, headers: devices })).status, 404)
})

test('no two operations answer the same method of the same path', () => {
  const places = Object.values(operations).map(
    ({ route }) => `${route.method} ${route.path.replaceAll(/\{\w+\}/g, '{}')}`,
  )
  assert.deepEqual(
    places.filter((place, index) => places.indexOf(place) !== index),
    [],
  )
})

test('the document has every operation with its role, and every name once', async (t) => {
  const door = await anAdminDoor(t)
  const { text } = await door.ask('//openapi.json')
  const names = Array.from(text.matchAll(/"operationId":"(\w+)"/g), ([, name]) => name)
  assert.equal(new Set(names).size, names.length)
  for (const name of Object.keys(operations)) assert.ok(names.includes(name), name)
})

test('every list has a default page', async (t) => {
  const door = await anAdminDoor(t)
  const headers = await door.session('admin')
  for (const { path, method, role } of await routesOf(door)) {
    if (method !== 'GET' || role === undefined || path.includes('x') || path === '/events') continue
    assert.equal((await door.ask(path, { headers })).status, 200, path)
  }
})
