import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RegistryError } from '../../registry/index.ts'
import { aBroker } from './support/broker.ts'
import { deviceIdOf, FakeRegistry, keyOfDevice, SECRET } from './support/door.ts'
import { asDevice, asService, connectPacket, dial, topicOf } from './support/wire.ts'
import { generate } from 'mqtt-packet'

const will = (topic: string, qos: 0 | 1 | 2 = 0) => ({ topic, payload: Buffer.from('gone'), qos, retain: false })

const refusals = [
  { name: 'a wrong secret', connect: asDevice(1, { password: Buffer.from('wrong') }), returnCode: 4 },
  { name: 'an unknown access key', connect: asDevice(1, { username: 'nobody' }), returnCode: 4 },
  { name: 'no credentials', connect: { clientId: deviceIdOf(1) }, returnCode: 4 },
  {
    name: 'a user name without a password',
    connect: { clientId: deviceIdOf(1), username: keyOfDevice(1) },
    returnCode: 4,
  },
  { name: 'a password that is not text', connect: asDevice(1, { password: Buffer.from([0xff, 0xfe]) }), returnCode: 4 },
  { name: "another device's client id", connect: asDevice(1, { clientId: deviceIdOf(2) }), returnCode: 4 },
  {
    name: "a service key with a device's client id",
    connect: asService('s', { clientId: deviceIdOf(2) }),
    returnCode: 4,
  },
  { name: 'a device without its client id', connect: asDevice(1, { clientId: '' }), returnCode: 4 },
  { name: 'a client id of 257 characters', connect: asService('s', { clientId: 'x'.repeat(257) }), returnCode: 2 },
  {
    name: "a will on another device's topic",
    connect: asDevice(1, { will: will(topicOf(2, 'state')) }),
    returnCode: 5,
  },
  { name: 'a will on a $-topic', connect: asDevice(1, { will: will('$SYS/x') }), returnCode: 5 },
] as const

for (const { name, connect, returnCode } of refusals) {
  test(`a login with ${name} is answered with return code ${returnCode}, and the connection closes`, async (t) => {
    const broker = await aBroker(t)
    broker.registry.addService('s')
    const client = dial(broker)
    const connack = await client.login(connect)
    assert.equal(connack['returnCode'], returnCode)
    await client.closed
    assert.equal(broker.connectedClients(), 0)
  })
}

const faults = [
  { name: 'the registry is busy', error: new RegistryError('ERR_BUSY', 'Too many logins.'), level: 'info' },
  { name: 'the registry fails', error: new Error('disk'), level: 'error' },
]

for (const { name, error, level } of faults) {
  test(`a login while ${name} is answered with return code 3, so that the device tries again`, async (t) => {
    const broker = await aBroker(t, { authenticate: () => Promise.reject(error) })
    const client = dial(broker)
    const connack = await client.login(asDevice(1))
    assert.equal(connack['returnCode'], 3)
    await client.closed
    assert.equal(broker.log.lines.find(({ event }) => /^login-(refused|failed)$/.test(event))?.level, level)
  })
}

for (const [protocolId, protocolVersion] of [
  ['MQTT', 4],
  ['MQIsdp', 3],
] as const) {
  test(`a device logs in with ${protocolId}, level ${protocolVersion}, and its id of 24 characters`, async (t) => {
    const broker = await aBroker(t)
    const client = dial(broker)
    const connack = await client.login(asDevice(1, { protocolId, protocolVersion }))
    assert.equal(connack['returnCode'], 0)
    assert.equal(broker.connectedClients(), 1)
    assert.deepEqual(broker.registry.presented, [
      { clientId: deviceIdOf(1), accessKey: keyOfDevice(1), accessSecret: SECRET, address: '192.0.2.7' },
    ])
  })
}

for (const [name, level] of [
  ['MQTT', 3],
  ['MQTT', 5],
  ['MQTT', 6],
  ['MQTT', 0x84],
  ['MQIsdp', 4],
] as const) {
  test(`protocol ${name}, level ${level}, is answered with return code 1`, async (t) => {
    const broker = await aBroker(t)
    const client = dial(broker)
    const bytes = generate(connectPacket(asDevice(1)))
    const nameField = Buffer.from([0, name.length, ...Buffer.from(name), level])
    const body = Buffer.concat([nameField, bytes.subarray(2 + 7)])
    client.write(Buffer.concat([Buffer.from([0x10, body.length]), body]))
    const connack = await client.hear(({ cmd }) => cmd === 'connack')
    assert.equal(connack['returnCode'], 1)
    await client.closed
    assert.equal(broker.registry.presented.length, 0)
  })
}

test('every refused login is logged with key, client id, address and code, and never with the secret', async (t) => {
  const broker = await aBroker(t)
  const client = dial(broker)
  await client.login({ clientId: 'a\u001b[2J\u202e', username: 'key\n', password: Buffer.from('hush-hush') })
  await client.closed
  const line = broker.log.lines.find(({ event }) => event === 'login-refused')
  assert.deepEqual(line, {
    event: 'login-refused',
    level: 'info',
    clientId: 'a\\u{1b}[2J\\u{202e}',
    accessKey: 'key\\u{a}',
    address: '192.0.2.7',
    transport: 'tcp',
    returnCode: 4,
    code: 'ERR_CREDENTIALS_INVALID',
    reason: 'the reason',
    message: 'A login was refused.',
  })
  assert.doesNotMatch(JSON.stringify(broker.log.lines), /hush/)
})

test('every login is logged at debug, without the secret', async (t) => {
  const broker = await aBroker(t)
  await (await broker.device(1)).ping()
  assert.equal(broker.log.lines.find(({ event }) => event === 'login')?.level, 'debug')
  assert.doesNotMatch(JSON.stringify(broker.log.lines), new RegExp(SECRET))
})

test('a ticket hears that CONNECT was read when it is whole, and of the login when CONNACK 0 was written', async (t) => {
  const broker = await aBroker(t)
  const heard: string[] = []
  const ticket = { connectRead: () => heard.push('connect read'), loggedIn: () => heard.push('logged in') }
  const bytes = generate(connectPacket(asDevice(1)))
  const client = dial(broker, { ticket })
  client.write(bytes.subarray(0, 20))
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(heard, [])
  client.write(bytes.subarray(20))
  await client.hear(({ cmd }) => cmd === 'connack')
  await client.ping()
  assert.deepEqual(heard, ['connect read', 'logged in'])

  heard.length = 0
  const refused = dial(broker, { ticket })
  await refused.login(asDevice(1, { password: Buffer.from('wrong') }))
  await refused.closed
  assert.deepEqual(heard, ['connect read'])
})

test('when an access key is revoked, its connections close at once and no others', async (t) => {
  const broker = await aBroker(t)
  broker.registry.addService('s')
  const [one, other] = [await broker.device(1), await broker.device(2)]
  const software = [await broker.service('s', { clientId: 'a' }), await broker.service('s', { clientId: 'b' })]
  broker.registry.accessRevoked.emit({ accessKey: keyOfDevice(1) })
  broker.registry.accessRevoked.emit({ accessKey: 's' })
  await Promise.all([one.closed, ...software.map(({ closed }) => closed)])
  await other.ping()
  assert.equal(broker.connectedClients(), 1)
})

test('a login that is being decided while its access key is revoked does not succeed', async (t) => {
  const registry = new FakeRegistry()
  const broker = await aBroker(t, {
    registry,
    authenticate: async (presented) => {
      const principal = await registry.authenticate(presented)
      registry.accessRevoked.emit(presented)
      return principal
    },
  })
  const client = dial(broker)
  client.send(connectPacket(asDevice(1)))
  await client.closed
  assert.deepEqual(client.received, [])
  assert.equal(broker.connectedClients(), 0)
})
