import assert from 'node:assert/strict'
import fc from 'fast-check'
import { test } from 'node:test'
import {
  AccessControl,
  filterCovers,
  filterMatches,
  filterProblem,
  topicProblem,
  type DevicePrincipal,
  type KeyFilter,
  type ServicePrincipal,
  type ServiceRules,
} from '../../registry/index.ts'

const id = '69220000aaaaaaaaaaaaaaaa'
const other = '69220000bbbbbbbbbbbbbbbb'
const device: DevicePrincipal = { kind: 'device', accessKey: 'key', deviceId: id }

const service = (rules: Partial<ServiceRules>): ServicePrincipal => ({
  kind: 'service',
  accessKey: 'key',
  name: 'service',
  rules: { publish: [], subscribe: [], deny: [], ...rules },
})

const own = new AccessControl('losant', 'own')
const narrow = new AccessControl('losant', 'state-and-command')

const foreignTopics = [
  `losant/${other}/state`,
  `losant/${id}`,
  `losant/${id}x/state`,
  `losant/${id.toUpperCase()}/state`,
  `/losant/${id}/state`,
  `losant//${id}/state`,
  `other/${id}/state`,
  `$SYS/losant/${id}/state`,
  `$share/group/losant/${id}/state`,
  'losant',
  '',
  `losant/${id}/\0`,
]

for (const topic of foreignTopics) {
  test(`a device neither publishes to nor subscribes nor receives ${JSON.stringify(topic)}`, () => {
    for (const acl of [own, narrow]) {
      assert.equal(acl.mayPublish(device, topic), false)
      assert.equal(acl.maySubscribe(device, topic), false)
      assert.equal(topic.includes('\0') || acl.mayReceive(device, topic), topic.includes('\0'))
    }
  })
}

const foreignFilters = [
  '#',
  '+',
  'losant/#',
  `losant/+/state`,
  `+/${id}/state`,
  `+/${id}/#`,
  'losant/+/#',
  `losant/${id}/a#`,
]

for (const filter of foreignFilters) {
  test(`a device may not subscribe ${filter}`, () => {
    assert.equal(own.maySubscribe(device, filter), false)
    assert.equal(narrow.maySubscribe(device, filter), false)
  })
}

test('a device reaches everything below its own topic', () => {
  for (const topic of [`losant/${id}/state`, `losant/${id}/command`, `losant/${id}/a/b/c`, `losant/${id}/`]) {
    assert.equal(own.mayPublish(device, topic), true)
    assert.equal(own.maySubscribe(device, topic), true)
    assert.equal(own.mayReceive(device, topic), true)
  }
  assert.equal(own.maySubscribe(device, `losant/${id}/#`), true)
  assert.equal(own.maySubscribe(device, `losant/${id}/+/x`), true)
})

test('the narrow option leaves state to publish and command to receive', () => {
  assert.equal(narrow.mayPublish(device, `losant/${id}/state`), true)
  assert.equal(narrow.mayPublish(device, `losant/${id}/command`), false)
  assert.equal(narrow.maySubscribe(device, `losant/${id}/command`), true)
  assert.equal(narrow.maySubscribe(device, `losant/${id}/state`), false)
  assert.equal(narrow.maySubscribe(device, `losant/${id}/#`), false)
  assert.equal(narrow.mayReceive(device, `losant/${id}/state`), false)
})

test('the topic root can be another one, of several levels', () => {
  const acl = new AccessControl('factory/berlin', 'own')
  assert.equal(acl.mayPublish(device, `factory/berlin/${id}/state`), true)
  assert.equal(acl.mayPublish(device, `losant/${id}/state`), false)
  for (const root of ['', '#', 'a/+', '$SYS']) assert.throws(() => new AccessControl(root, 'own'), TypeError)
})

const rules: { rules: Partial<ServiceRules>; filter: string; granted: boolean }[] = [
  { rules: {}, filter: 'a', granted: false },
  { rules: { publish: ['#'] }, filter: 'a', granted: false },
  { rules: { subscribe: ['a/#'] }, filter: 'a/b', granted: true },
  { rules: { subscribe: ['a/#'] }, filter: 'a', granted: true },
  { rules: { subscribe: ['a/#'] }, filter: 'a/+/#', granted: true },
  { rules: { subscribe: ['a/+'] }, filter: 'a/#', granted: false },
  { rules: { subscribe: ['a/+'] }, filter: 'a/+', granted: true },
  { rules: { subscribe: ['a/b'] }, filter: 'a/+', granted: false },
  { rules: { subscribe: ['#'] }, filter: '#', granted: true },
  { rules: { subscribe: ['#'] }, filter: '$SYS/#', granted: false },
  { rules: { subscribe: ['#'] }, filter: '$share/g/a', granted: false },
  { rules: { subscribe: ['#'], deny: ['a/secret/#'] }, filter: 'a/secret', granted: false },
  { rules: { subscribe: ['#'], deny: ['a/secret/#'] }, filter: 'a/secret/b', granted: false },
  { rules: { subscribe: ['#'], deny: ['a/secret/#'] }, filter: 'a/secret/+', granted: false },
  { rules: { subscribe: ['#'], deny: ['a/secret/#'] }, filter: '#', granted: true },
  { rules: { subscribe: ['#'], deny: ['#'] }, filter: '#', granted: false },
]

for (const { rules: given, filter, granted } of rules) {
  test(`a service key with ${JSON.stringify(given)} is ${granted ? '' : 'not '}granted ${filter}`, () => {
    assert.equal(own.maySubscribe(service(given), filter), granted)
  })
}

test('deny wins for every message, however wide the granted filter', () => {
  const principal = service({ publish: ['#'], subscribe: ['#'], deny: ['a/secret/#'] })
  assert.equal(own.mayReceive(principal, 'a/public'), true)
  assert.equal(own.mayReceive(principal, 'a/secret'), false)
  assert.equal(own.mayReceive(principal, 'a/secret/b'), false)
  assert.equal(own.mayReceive(principal, '$SYS/uptime'), false)
  assert.equal(own.mayPublish(principal, 'a/public'), true)
  assert.equal(own.mayPublish(principal, 'a/secret/b'), false)
})

const matches: [filter: string, topic: string, selected: boolean][] = [
  ['sport/tennis/player1/#', 'sport/tennis/player1', true],
  ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', true],
  ['sport/#', 'sport', true],
  ['sport/tennis/+', 'sport/tennis/player1/ranking', false],
  ['sport/+', 'sport', false],
  ['sport/+', 'sport/', true],
  ['+/+', '/finance', true],
  ['/+', '/finance', true],
  ['+', '/finance', false],
  ['#', '$SYS/monitor', false],
  ['+/monitor', '$SYS/monitor', false],
  ['$SYS/#', '$SYS/monitor', true],
  ['Accounts', 'ACCOUNTS', false],
]

test('topics match filters as the examples of MQTT 3.1.1 §4.7 say', () => {
  for (const [filter, topic, selected] of matches)
    assert.equal(filterMatches(filter, topic), selected, `${filter} ${topic}`)
})

const level = fc.constantFrom('a', 'b', '', '+', '#', '$x')
const filters = fc
  .array(level, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join('/'))
  .filter((filter) => filterProblem(filter) === undefined)
const topics = fc
  .array(fc.constantFrom('a', 'b', '', 'c'), { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join('/'))
  .filter((topic) => topicProblem(topic) === undefined)

/** `topic` as a filter: a wildcard at each level where `how` says so. */
const loosened = (topic: string, how: readonly boolean[]): string =>
  topic
    .split('/')
    .map((one, index) => (how[index] === true ? '+' : one))
    .join('/')

test('a filter covers another only when it selects every topic that the other selects', () => {
  const how = fc.array(fc.boolean(), { minLength: 4, maxLength: 4 })
  fc.assert(
    fc.property(filters, topics, how, (wide, topic, choice) => {
      const narrower = loosened(topic, choice)
      if (filterCovers(wide, narrower)) assert.equal(filterMatches(wide, topic), true)
    }),
    { numRuns: 2000 },
  )
})

test('whatever filter a device is granted, it selects no topic of another device', () => {
  const otherTopics = fc.tuple(fc.constantFrom(other, 'x', ''), topics).map(([who, rest]) => `losant/${who}/${rest}`)
  fc.assert(
    fc.property(
      fc.oneof(
        filters,
        filters.map((filter) => `losant/${id}/${filter}`),
      ),
      otherTopics,
      (filter, topic) => {
        if (own.maySubscribe(device, filter)) assert.equal(filterMatches(filter, topic), false)
      },
    ),
    { numRuns: 500 },
  )
})

const filtered = (filter: KeyFilter): DevicePrincipal => ({ ...device, filter })
const all = filtered({ filterType: 'all', pubTopics: [], subTopics: [] })
const white = filtered({ filterType: 'whitelist', pubTopics: ['plant/+/in'], subTopics: ['plant/#'] })
const black = filtered({ filterType: 'blacklist', pubTopics: ['secret/#', `losant/${id}/b`], subTopics: ['secret/#'] })
const wide = filtered({ filterType: 'whitelist', pubTopics: ['#'], subTopics: ['#', '+/+/state'] })

test('no filter of a key opens the topics of another device or of the server', () => {
  for (const principal of [all, white, black, wide]) {
    for (const topic of [`losant/${other}/state`, 'losant', 'losant/x', '$SYS/x', '$share/g/plant/a']) {
      assert.equal(own.mayPublish(principal, topic), false, topic)
      assert.equal(own.maySubscribe(principal, topic), false, topic)
      assert.equal(own.mayReceive(principal, topic), false, topic)
    }
    assert.equal(own.maySubscribe(principal, 'losant/#'), false)
    assert.equal(own.maySubscribe(principal, `losant/+/state`), false)
  }
})

test('the filter of a key opens what lies beyond the topic root, and leaves the own topics of its device', () => {
  const cases: [DevicePrincipal, topic: string, publishes: boolean, hears: boolean][] = [
    [device, 'plant/a/in', false, false],
    [all, 'plant/a/in', true, true],
    [white, 'plant/a/in', true, true],
    [white, 'plant/a/out', false, true],
    [white, 'else', false, false],
    [black, 'plant/a/in', true, true],
    [black, 'secret/plans', false, false],
    [black, `losant/${id}/b`, false, true],
    [black, `losant/${id}/c`, true, true],
    [wide, 'plant/a/in', true, true],
  ]
  for (const [principal, topic, publishes, hears] of cases) {
    assert.equal(own.mayPublish(principal, topic), publishes, topic)
    assert.equal(own.mayReceive(principal, topic), hears, topic)
    assert.equal(own.maySubscribe(principal, topic), hears, topic)
  }
  for (const principal of [all, white, wide]) {
    assert.equal(own.mayPublish(principal, `losant/${id}/a`), true)
    assert.equal(own.maySubscribe(principal, `losant/${id}/#`), true)
  }
  assert.equal(own.maySubscribe(white, 'plant/a/#'), true)
  assert.equal(own.maySubscribe(white, '#'), false)
  assert.equal(own.maySubscribe(black, 'secret/a/#'), false)
  assert.equal(own.maySubscribe(black, '#'), true, 'and each delivery is asked about')
})

test('a quarantined device hears its commands and nothing else, whatever its key may reach', () => {
  for (const acl of [own, narrow]) {
    for (const principal of [device, all, wide]) {
      const quarantined: DevicePrincipal = { ...principal, quarantined: true }
      const command = `losant/${id}/command`
      assert.equal(acl.maySubscribe(quarantined, command), true)
      assert.equal(acl.mayReceive(quarantined, command), true)
      for (const topic of [command, `losant/${id}/state`, 'plant/a'])
        assert.equal(acl.mayPublish(quarantined, topic), false)
      for (const topic of [`losant/${id}/state`, `losant/${id}/#`, `losant/${id}/+`, 'plant/a', '#']) {
        assert.equal(acl.maySubscribe(quarantined, topic), false, topic)
        assert.equal(acl.mayReceive(quarantined, topic), false, topic)
      }
    }
  }
})
