import { deviceIdOf, keyOfDevice } from '../../broker/support/door.ts'
import { topicOf } from '../../broker/support/wire.ts'
import { connack, connect, join, puback, publish, suback, subscribe, unsuback, unsubscribe } from '../support/bytes.ts'
import { CLOSED, closedAfter, heard, hearing, served, type Expectation, type Step, type WireCase } from './case.ts'

/** What a client may not do, and how MQTT 3.1 and 3.1.1 let it be told. */

const given = (
  clause: string,
  name: string,
  as: 'service' | 'device',
  bytes: Buffer | readonly Step[],
  expect: Expectation,
  version: 3 | 4 = 4,
): WireCase => ({ clause, name, as, version, given: bytes, expect })

const FAILURE = 0x80
const own = topicOf(1, 'state')
const foreign = topicOf(2, 'state')

const publishes = ([3, 4] as const).flatMap((version) => [
  ...[0, 1, 2].flatMap((qos) => [
    given(
      'MQTT-3.3.5-2',
      `a device publishes with QoS ${qos} to another's topic`,
      'device',
      publish(foreign, 'x', { qos }),
      CLOSED,
      version,
    ),
    given(
      'MQTT-3.3.5-2',
      `a device publishes with QoS ${qos} outside the root`,
      'device',
      publish('a/b', 'x', { qos }),
      CLOSED,
      version,
    ),
    given(
      'MQTT-3.3.5-2',
      `a service publishes with QoS ${qos} to a $-topic`,
      'service',
      publish('$SYS/x', 'x', { qos }),
      CLOSED,
      version,
    ),
  ]),
  given(
    'policy',
    'a device publishes to its own topic',
    'device',
    publish(own, 'x', { qos: 1 }),
    heard(served(puback()), `${own}=x`),
    version,
  ),
  given(
    'MQTT-3.3.5-2',
    'a message that is refused ends what follows it',
    'device',
    join(publish(foreign), publish(own)),
    CLOSED,
    version,
  ),
  given('MQTT-3.3.5-2', 'a service publishes to $share', 'service', publish('$share/g/a'), CLOSED, version),
])

const subscribes = ([3, 4] as const).flatMap((version) => [
  ...[
    '#',
    '+/#',
    'losant/#',
    'losant/+/state',
    foreign,
    `losant/${deviceIdOf(1)}`,
    `losant/${deviceIdOf(1)}x/#`,
    '$SYS/#',
  ].map((filter) =>
    given(
      'MQTT-3.8.4-5',
      `a device subscribes to ${JSON.stringify(filter)}`,
      'device',
      subscribe([[filter, 1]]),
      served(suback([FAILURE])),
      version,
    ),
  ),
  given(
    'policy',
    'a device subscribes to all that is its own',
    'device',
    subscribe([[topicOf(1, '#'), 2]]),
    served(suback([2])),
    version,
  ),
  given(
    'MQTT-3.8.4-5',
    'a device subscribes to what it may and what it may not',
    'device',
    subscribe([
      [foreign, 1],
      [topicOf(1, 'command'), 1],
      ['#', 0],
      [topicOf(1, '+'), 2],
    ]),
    served(suback([FAILURE, 1, FAILURE, 2])),
    version,
  ),
  ...['$SYS/#', '$SYS', '$share/g/a', '$share/g/#', '$queue/a', '$a/+'].map((filter) =>
    given(
      'MQTT-4.7.2-1',
      `a service subscribes to ${JSON.stringify(filter)}`,
      'service',
      subscribe([[filter, 1]]),
      served(suback([FAILURE])),
      version,
    ),
  ),
  given(
    'policy',
    'what was refused can be unsubscribed from',
    'device',
    [subscribe([foreign]), hearing(suback([FAILURE])), unsubscribe([foreign])],
    served(suback([FAILURE]), unsuback()),
    version,
  ),
])

const wills: readonly WireCase[] = [
  {
    clause: 'policy',
    name: "a device's will on another's topic",
    start: 'not connected',
    given: connect({ clientId: deviceIdOf(1), userName: keyOfDevice(1), will: { topic: foreign } }),
    expect: closedAfter(connack(5)),
  },
  {
    clause: 'policy',
    name: "a device's will on its own topic",
    start: 'not connected',
    given: connect({ clientId: deviceIdOf(1), userName: keyOfDevice(1), will: { topic: own, payload: 'gone' } }),
    expect: heard(served(connack(0)), `${own}=gone`),
  },
]

export const permissions: readonly WireCase[] = [...publishes, ...subscribes, ...wills]
