import { z } from 'zod'
import { accessFilterProblem, RegistryError } from '../../registry/index.ts'
import { payloadText } from '../message-text.ts'
import { operation, type OperatorParts, type RetainedMessages } from './operation.ts'
import { next, page } from './pages.ts'
import { serverOf } from './running-server.ts'

const encoding = z.enum(['text', 'base64']).meta({ description: 'How the payload is written here.' })

const qos = z.union([z.literal(0), z.literal(1), z.literal(2)])

const filter = z.string().meta({ description: 'A topic filter, such as `losant/+/state`.' })

const tailRequest = z.strictObject({ tail: z.string() })

const keptMessage = z
  .object({
    topic: z.string(),
    payload: z.string().meta({ description: 'Its first 4,096 bytes.' }),
    encoding,
    bytes: z.int().meta({ description: 'Of the whole payload.' }),
    cut: z.boolean(),
    qos: z.number(),
    retain: z.boolean(),
  })
  .meta({ id: 'TopicMessage' })

export const topicOperations = {
  publishMessage: operation({
    summary: 'Publish a message as the broker itself, to any topic. It is as long as a packet may be.',
    route: { method: 'POST', path: '/topics/publish' },
    role: 'operator',
    request: z.strictObject({
      topic: z.string(),
      payload: z.string(),
      encoding: encoding.default('text'),
      qos: qos.default(0),
      retain: z.boolean().default(false).meta({ description: 'Empty and retained: the topic has none any more.' }),
    }),
    answer: z.object({
      sent: z.int().meta({ description: 'How many clients that are connected it went to.' }),
      queued: z.int().meta({ description: 'For how many that are away it waits.' }),
    }),
    detail: ({ topic, qos: level, retain }) => `${topic}, QoS ${level}${retain ? ', retained' : ''}`,
    async call(parts, { payload, encoding: written, ...message }) {
      const server = serverOf(parts)
      return await server.publish({ ...message, payload: bytesOf(payload, written) })
    },
  }),

  openTail: operation({
    summary: 'Begin to hear the messages of topics as they come. It ends when it is not read for 30 seconds.',
    route: { method: 'POST', path: '/topics/tails' },
    role: 'operator',
    request: z.strictObject({ filter }),
    answer: z.object({ tail: z.string() }),
    detail: (request) => request.filter,
    async call(parts, request) {
      const { tails } = serverOf(parts)
      return { tail: tails.open(believedFilter(request.filter)) }
    },
  }),

  readTail: operation({
    summary: 'The messages that have come since it was read last. When there are none, it waits for ten seconds.',
    route: { method: 'GET', path: '/topics/tails/{tail}' },
    role: 'operator',
    request: tailRequest,
    answer: z.object({
      messages: z.array(keptMessage.extend({ at: z.iso.datetime() })).readonly(),
      skipped: z.int().meta({ description: 'How many there was no room for.' }),
    }),
    call: (parts, { tail }) => serverOf(parts).tails.read(tail),
  }),

  closeTail: operation({
    summary: 'End it.',
    route: { method: 'DELETE', path: '/topics/tails/{tail}' },
    isStep: true,
    role: 'operator',
    request: tailRequest,
    answer: z.object({ closed: z.string() }),
    async call(parts, { tail }) {
      serverOf(parts).tails.close(tail)
      return { closed: tail }
    },
  }),

  listRetained: operation({
    summary: 'List retained messages by their topics. A page may hold fewer than asked for and not be the last.',
    route: { method: 'GET', path: '/topics/retained' },
    role: 'operator',
    request: z.strictObject({ ...page, filter: filter.default('#') }),
    answer: z.object({ messages: z.array(keptMessage).readonly(), next }),
    async call(parts, { filter: wanted, limit, after }) {
      const query = { filter: believedFilter(wanted), limit, after }
      const { messages, ...more } = await retainedOf(parts).list(query)
      return { messages: messages.map(payloadText), ...more }
    },
  }),

  clearRetained: operation({
    summary: 'Forget retained messages. Whoever has subscribed already is told nothing.',
    route: { method: 'POST', path: '/topics/retained/clear' },
    role: 'operator',
    request: z.strictObject({ filter }),
    answer: z.object({ cleared: z.int() }),
    // There may be a million.
    answerMs: 300_000,
    detail: (request) => request.filter,
    count: ({ cleared }) => cleared,
    call: async (parts, request) => ({ cleared: await retainedOf(parts).clear(believedFilter(request.filter)) }),
  }),
}

function retainedOf({ retained }: OperatorParts): RetainedMessages {
  if (retained !== undefined) return retained
  throw new RegistryError('ERR_CONFLICT', 'There is no store whose retained messages could be read.')
}

/** What begins with $ is the broker's own. */
function believedFilter(text: string): string {
  const problem = accessFilterProblem(text)
  if (problem === undefined) return text
  throw new RegistryError('ERR_INPUT_INVALID', `The topic filter ${JSON.stringify(text)} ${problem}.`)
}

function bytesOf(payload: string, written: z.output<typeof encoding>): Buffer {
  if (written === 'text') return Buffer.from(payload)
  const bytes = Buffer.from(payload, 'base64')
  // Node leaves out what is none.
  if (bytes.toString('base64') === payload) return bytes
  throw new RegistryError('ERR_INPUT_INVALID', 'The payload is not base64.')
}
