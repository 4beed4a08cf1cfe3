import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import getRawBody from 'raw-body'
import { z } from 'zod'
import { RegistryError } from '../registry/index.ts'
import { AdminError } from './admin-error.ts'
import type { OperationName, Operator } from './operations/index.ts'
import { operationNamed, operatorOf } from './operator.ts'
import { isRefusalCode } from './refusal-status.ts'
import { ADMIN_SOCKET, codeOf, socketAddress } from './socket-path.ts'

export interface Timeouts {
  /** @defaultValue 5_000 */
  readonly connectMs?: number
  /** From the request to the last byte of the answer. @defaultValue 30_000 */
  readonly answerMs?: number
}

const timeoutDefaults = { connectMs: 5_000, answerMs: 30_000 } as const satisfies Required<Timeouts>

/** Many times the largest page of devices; a guard against something else that listens there. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024

/**
 * The operator surface of the server that holds `folder`, or undefined when none does.
 *
 * @throws {AdminError} `denied` when the socket is another user's, `unreachable` when something is there and cannot be reached.
 */
export async function connectOperator(folder: string, timeouts: Timeouts = {}): Promise<Operator | undefined> {
  const { connectMs, answerMs } = { ...timeoutDefaults, ...timeouts }
  if (!(await someoneListens(folder, connectMs))) return undefined

  return operatorOf((name, request) => send(folder, name, request, operationNamed(name).answerMs ?? answerMs))
}

async function someoneListens(folder: string, timeoutMs: number): Promise<boolean> {
  try {
    const address = await socketAddress(folder)
    const socket = connect(address.path)
    try {
      await once(socket, 'connect', { signal: AbortSignal.timeout(timeoutMs) })
      return true
    } finally {
      socket.destroy()
      await address.release()
    }
  } catch (error) {
    const code = codeOf(error)
    // No file, or one whose server died without removing it.
    if (code === 'ENOENT' || code === 'ECONNREFUSED') return false
    throw unreachable(folder, error)
  }
}

async function send(folder: string, operation: OperationName, request: unknown, timeoutMs: number): Promise<unknown> {
  const deadline = AbortSignal.timeout(timeoutMs)
  let status: number
  let answer: unknown
  try {
    const { statusCode, text } = await post(folder, operation, JSON.stringify(request), deadline)
    status = statusCode
    answer = JSON.parse(text)
  } catch (error) {
    throw unreachable(folder, deadline.aborted ? deadline.reason : error)
  }
  if (status === 200) return answer
  throw errorOf(answer)
}

async function post(
  folder: string,
  operation: OperationName,
  body: string,
  deadline: AbortSignal,
): Promise<{ statusCode: number; text: string }> {
  const address = await socketAddress(folder)
  try {
    return await new Promise((resolve, reject) => {
      const request = httpRequest({
        socketPath: address.path,
        method: 'POST',
        path: `/${operation}`,
        headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
        agent: false,
        signal: deadline,
      })
      request.on('error', reject)
      request.on('response', (response) => {
        getRawBody(response, { encoding: 'utf-8', limit: MAX_ANSWER_BYTES }).then(
          (text) => resolve({ statusCode: response.statusCode ?? 0, text }),
          reject,
        )
      })
      request.end(body)
    })
  } finally {
    await address.release()
  }
}

const errorAnswer = z.object({ error: z.object({ code: z.string(), message: z.string() }) })

function errorOf(answer: unknown): Error {
  const { success, data } = errorAnswer.safeParse(answer)
  if (!success) return new AdminError('failed', 'The server failed and did not say why; its log may.')
  const { code, message } = data.error
  return isRefusalCode(code) ? new RegistryError(code, message) : new AdminError('failed', message)
}

function unreachable(folder: string, cause: unknown): AdminError {
  const file = join(folder, ADMIN_SOCKET)
  const code = codeOf(cause)
  if (code === 'EACCES' || code === 'EPERM') {
    return new AdminError('denied', `You may not open ${file}: run this as the user that runs the server.`, { cause })
  }
  const late = cause instanceof Error && (cause.name === 'AbortError' || cause.name === 'TimeoutError')
  const why = late ? 'did not answer in time' : `cannot be reached (${code ?? 'a bad answer'})`
  return new AdminError('unreachable', `The server on ${file} ${why}.`, { cause })
}
