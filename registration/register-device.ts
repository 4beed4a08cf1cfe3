import type { Context, Middleware } from 'koa'
import {
  isManufacturerId,
  printable,
  RegistryError,
  type AttemptRefusal,
  type Log,
  type RegistrationAttempt,
  type Registry,
  type RegistryErrorCode,
  type ReturnReason,
  type Signal,
} from '../registry/index.ts'
import { readBody, type Body } from './body.ts'
import { RequestError } from './errors.ts'
import { resultOf, type RegistrationResult } from './results.ts'

export interface RegisterDeviceRequest {
  /** Whatever was sent; the registry alone decides what a token is. */
  readonly token: unknown
  readonly manufacturerId: string
}

export interface RegisterDeviceParts {
  readonly registry: Pick<Registry, 'registerDevice'>
  readonly log: Log
  /** Told once about each request, however it ends. */
  readonly registrationEnded?: Signal<RegistrationResult>
  /** The same, with what is known of it. */
  readonly attemptEnded?: Signal<RegistrationAttempt>
}

/** POST /api/register-device. Source: docs/contract.md §1. */
export function registerDevice(parts: RegisterDeviceParts): Middleware {
  const register = answerRegistration(parts)
  return async (ctx) => {
    const startedAt = performance.now()
    const known: Known = {}
    let result: RegistrationResult = 'fault'
    let refusal: AttemptRefusal | undefined
    try {
      result = await register(ctx, known)
    } catch (error) {
      result = resultOf(error)
      refusal = refusalOf(error)
      throw error
    } finally {
      parts.registrationEnded?.emit(result)
      parts.attemptEnded?.emit({
        address: ctx.ip,
        transport: ctx.secure ? 'https' : 'http',
        latencyMs: performance.now() - startedAt,
        manufacturerId: known.request?.manufacturerId,
        token: known.request?.token,
        deviceId: known.deviceId,
        returned: known.returned,
        refusal,
      })
    }
  }
}

/** What became known of a request before it ended. */
interface Known {
  request?: RegisterDeviceRequest
  deviceId?: string
  returned?: ReturnReason | undefined
}

function answerRegistration({
  registry,
  log,
}: RegisterDeviceParts): (ctx: Context, known: Known) => Promise<'created' | 'returned'> {
  return async (ctx, known) => {
    const request = parseRegisterDeviceRequest(await readBody(ctx))
    known.request = request
    // The manufacturer ID is spent for good, so not for a device that has already hung up.
    if (!ctx.writable) throw new RequestError('ERR_BODY_INCOMPLETE', 'The connection closed.')

    const registered = await registry.registerDevice({ ...request, address: ctx.ip })
    const { deviceId, accessKey, accessSecret, returned } = registered
    known.deviceId = deviceId
    known.returned = returned

    ctx.body = { deviceId, accessKey, accessSecret: accessSecret.reveal() }
    const facts = { deviceId, manufacturerId: printable(request.manufacturerId), address: ctx.ip }
    if (returned === undefined) log.info({ event: 'device-registered', ...facts }, 'A device registered itself.')
    else log.info({ event: 'device-returned', ...facts, reason: returned }, 'A device came back for other credentials.')
    whenUndelivered(ctx, () =>
      log.warn(
        { event: 'credentials-undelivered', ...facts },
        'The connection closed before the device had its credentials; mooring device readmit lets it register again.',
      ),
    )
    return returned === undefined ? 'created' : 'returned'
  }
}

/**
 * Untrusted fields in; out comes a request the rest of the program may believe.
 *
 * @throws {RegistryError} `ERR_MANUFACTURER_ID_MISSING`, before anything else is looked at.
 * @throws {RequestError} `ERR_BODY_MALFORMED`.
 */
export function parseRegisterDeviceRequest({ fields, ambiguity }: Body): RegisterDeviceRequest {
  const manufacturerId = manufacturerIdOf(fields.get('manufacturerId'))
  if (manufacturerId === undefined) {
    throw new RegistryError('ERR_MANUFACTURER_ID_MISSING', 'Missing manufacturerId field.')
  }
  if (ambiguity !== undefined) throw new RequestError('ERR_BODY_MALFORMED', ambiguity)
  return { token: fields.get('token'), manufacturerId }
}

/** The ID exactly as it was sent, or undefined when it cannot be one. A safe integer stands for its decimal text. */
function manufacturerIdOf(value: unknown): string | undefined {
  const text = Number.isSafeInteger(value) ? String(value) : value
  return typeof text === 'string' && isManufacturerId(text) ? text : undefined
}

/** For the operator; causes other than that of a token may quote the body. */
function refusalOf(error: unknown): AttemptRefusal {
  if (!(error instanceof RegistryError || error instanceof RequestError)) return { code: 'ERR_INTERNAL', fault: true }
  const { code, cause } = error
  const retryAfterSeconds = error instanceof RegistryError ? error.retryAfterSeconds : undefined
  return {
    code,
    ...(REASONED.has(code) && cause instanceof Error ? { reason: printable(cause.message) } : {}),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  }
}

/** Their causes are our own words or jose's. */
const REASONED: ReadonlySet<string> = new Set<RegistryErrorCode>([
  'ERR_REGISTRATION_TOKEN_INVALID',
  'ERR_TOKEN_REVOKED',
  'ERR_TOKEN_EXHAUSTED',
  'ERR_TOKEN_NOT_FOR_DEVICE',
])

/** Calls back when the answer was not handed to the network whole. */
function whenUndelivered(ctx: Context, tell: () => void): void {
  const { res } = ctx
  if (!ctx.writable) tell()
  else res.once('close', () => res.writableFinished || tell())
}
