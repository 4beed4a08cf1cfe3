import assert from 'node:assert/strict'
import { once } from 'node:events'
import type net from 'node:net'
import { test, type TestContext } from 'node:test'
import type { AdmissionLimits } from '../../../broker/admission.ts'
import { NodeStream, type ByteStream } from '../../../broker/byte-stream.ts'
import type { Listener } from '../../../broker/listeners.ts'
import { until } from './connections.ts'
import { fill, Heard } from './heard.ts'
import { anInside, untilClosed, type Inside } from './sockets.ts'

/** On what Node has under its sockets, or on these. */
export type Way = 'handle' | 'socket'

/** What is behind a listener. */
export interface Arrivals {
  readonly inside: Inside
  readonly heard: Heard[]
  readonly arrived: (stream: ByteStream) => void
}

export interface Listening extends Omit<Arrivals, 'arrived'> {
  readonly listener: Listener
  readonly port: number
}

/** Streams that listen from the start. */
export function arrivals(t: TestContext, limits: Partial<AdmissionLimits>): Arrivals {
  const heard: Heard[] = []
  const arrived = (stream: ByteStream): void => {
    const one = new Heard(stream)
    heard.push(one)
    stream.listen(one)
  }
  return { inside: anInside(t, limits, (stream) => arrived(new NodeStream(stream))), heard, arrived }
}

export const isEmpty = ({ inside }: Pick<Listening, 'inside'>): boolean => inside.admission.counters().addresses === 0

type AConnection = (t: TestContext) => Promise<Listening & { readonly client: net.Socket; readonly one: Heard }>

/** What holds of a stream whatever carries it. */
export function testsOfAnyStream(aConnection: AConnection): void {
  test('that is paused lets its sender wait, and goes on where it stopped', async (t) => {
    const { client, one } = await aConnection(t)
    one.stream.pause()
    one.stream.pause()
    const sent = 20_000_000
    client.write(Buffer.alloc(sent, 'm'))
    for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    assert.ok(one.bytes < 1_000_000, `${one.bytes} bytes were read`)
    assert.ok(client.writableLength > 0)
    one.stream.resume()
    one.stream.resume()
    await until(() => one.bytes === sent)
  })

  test('whose client does not read says so, counts what waits, and tells when it takes more', async (t) => {
    const { client, one } = await aConnection(t)
    client.pause()
    const written = fill(one.stream)
    assert.ok(one.stream.waitingBytes > 0)
    assert.equal(one.stream.isCopied, false)
    assert.equal(one.writables, 0)
    let read = 0
    client.on('data', (chunk: Buffer) => (read += chunk.length)).resume()
    await until(() => read === written && one.writables === 1)
    assert.equal(one.stream.waitingBytes, 0)
    assert.equal(one.stream.isCopied, true)
  })

  test('that ends says all that was written before, though its client reads late', async (t) => {
    const { client, one } = await aConnection(t)
    client.pause()
    const written = fill(one.stream)
    one.stream.end(false)
    assert.equal(one.stream.isWritable, false)
    let read = 0
    client.on('data', (chunk: Buffer) => (read += chunk.length)).resume()
    // Over TLS by close_notify: an end of TCP alone would be no proof that nothing is missing.
    await once(client, 'end')
    assert.equal(read, written)
  })

  test('closes with its listener, and nothing is heard of it afterwards', async (t) => {
    const { client, one, listener, ...listening } = await aConnection(t)
    const closed = untilClosed(client)
    await listener.close()
    await closed
    assert.ok(isEmpty(listening))
    assert.equal(one.errors.length, 0)
  })
}
