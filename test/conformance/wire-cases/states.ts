import {
  connack,
  connect,
  disconnect,
  join,
  packet,
  pingreq,
  pingresp,
  puback,
  pubcomp,
  publish,
  pubrec,
  pubrel,
  suback,
  subscribe,
  unsuback,
  unsubscribe,
} from '../support/bytes.ts'
import { CLOSED, closedAfter, heard, hearing, served, type Expectation, type Step, type WireCase } from './case.ts'

/** Every packet type in every state. */

interface Told {
  readonly name: string
  readonly clause: string
  readonly bytes: Buffer
  /** What the client says once it has heard what it must wait for. */
  readonly later?: readonly Step[]
  /** What comes of it once the client has logged in. */
  readonly expect: Expectation
}

const told: readonly Told[] = [
  { name: 'a second CONNECT', clause: 'MQTT-3.1.0-2', bytes: connect(), expect: CLOSED },
  { name: 'CONNACK', clause: '§3.2', bytes: connack(0), expect: CLOSED },
  { name: 'PUBLISH of QoS 0', clause: 'MQTT-3.3.4-1', bytes: publish('a/b'), expect: heard(served(), 'a/b=x') },
  {
    name: 'PUBLISH of QoS 1',
    clause: 'MQTT-3.3.4-1',
    bytes: publish('a/b', 'x', { qos: 1 }),
    expect: heard(served(puback()), 'a/b=x'),
  },
  {
    // When the message is passed on, at PUBLISH or at PUBREL, is the broker's choice [§4.3.3].
    name: 'PUBLISH of QoS 2 and its PUBREL',
    clause: 'MQTT-4.3.3-2',
    bytes: publish('a/b', 'x', { qos: 2 }),
    later: [hearing(pubrec()), pubrel()],
    expect: heard(served(pubrec(), pubcomp()), 'a/b=x'),
  },
  { name: 'PUBACK for nothing', clause: '§3.4', bytes: puback(), expect: served() },
  { name: 'PUBREC for nothing', clause: 'MQTT-4.3.3-1', bytes: pubrec(), expect: served(pubrel()) },
  { name: 'PUBREL for nothing', clause: 'MQTT-4.3.3-2', bytes: pubrel(), expect: served(pubcomp()) },
  { name: 'PUBCOMP for nothing', clause: '§3.7', bytes: pubcomp(), expect: served() },
  { name: 'SUBSCRIBE', clause: 'MQTT-3.8.4-1', bytes: subscribe([['a/b', 1]]), expect: served(suback([1])) },
  { name: 'SUBACK', clause: '§3.9', bytes: suback([0]), expect: CLOSED },
  { name: 'UNSUBSCRIBE', clause: 'MQTT-3.10.4-4', bytes: unsubscribe(['a/b']), expect: served(unsuback()) },
  { name: 'UNSUBACK', clause: '§3.11', bytes: unsuback(), expect: CLOSED },
  { name: 'PINGREQ', clause: 'MQTT-3.12.4-1', bytes: pingreq(), expect: served(pingresp()) },
  { name: 'PINGRESP', clause: '§3.13', bytes: pingresp(), expect: CLOSED },
  { name: 'DISCONNECT', clause: 'MQTT-3.14.4-2', bytes: disconnect(), expect: CLOSED },
  { name: 'a packet of type 0', clause: '§2.2.1', bytes: packet(0x00), expect: CLOSED },
  { name: 'a packet of type 15', clause: '§2.2.1', bytes: packet(0xf0), expect: CLOSED },
]

const afterConnack = (expect: Expectation): Expectation => ({
  ...expect,
  answers: [connack(0), ...(expect.answers ?? [])],
})

const others = told.filter(({ name }) => name !== 'a second CONNECT')

export const states: readonly WireCase[] = [
  ...others.map(({ name, bytes }): WireCase => ({
    clause: 'MQTT-3.1.0-1',
    name: `${name} as the first packet`,
    start: 'not connected',
    given: bytes,
    expect: CLOSED,
  })),
  ...others.map(({ name, bytes }): WireCase => ({
    clause: 'MQTT-3.1.0-1',
    name: `${name} as the first packet, and a CONNECT behind it`,
    start: 'not connected',
    given: join(bytes, connect({ clientId: 'too-late' })),
    expect: CLOSED,
  })),
  ...told.map(({ name, clause, bytes, later = [], expect }): WireCase => ({
    clause,
    name: `${name} after the login`,
    given: [bytes, ...later],
    expect,
  })),
  ...told.map(({ name, clause, bytes, later = [], expect }): WireCase => ({
    clause,
    name: `${name} after the login`,
    version: 3,
    given: [bytes, ...later],
    expect,
  })),
  ...told.map(({ name, bytes, later = [], expect }): WireCase => ({
    clause: '§3.1.4',
    name: `${name} while the login is being decided is executed after it`,
    start: 'login pending',
    given: [bytes, ...later],
    expect: afterConnack(expect),
  })),
  ...told.map(({ name, bytes, later = [], expect }, index): WireCase => ({
    clause: '§3.1.4',
    name: `${name} in the same chunk as CONNECT is executed after the login`,
    start: 'not connected',
    given: [join(connect({ clientId: `pipelined-${index}` }), bytes), ...later],
    expect: afterConnack(expect),
  })),
  ...told.map(({ name, bytes }): WireCase => ({
    clause: 'MQTT-3.1.4-5',
    name: `${name} while a login is being refused is not executed`,
    start: 'refused login pending',
    given: bytes,
    expect: closedAfter(connack(4)),
  })),
  ...told.map(({ name, bytes }): WireCase => ({
    clause: 'MQTT-3.14.4-2',
    name: `${name} behind DISCONNECT is not executed`,
    given: join(disconnect(), bytes),
    expect: CLOSED,
  })),
]
