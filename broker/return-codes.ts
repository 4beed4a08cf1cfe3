import { RegistryError, type AttemptRefusal, type RegistryErrorCode } from '../registry/index.ts'

/** CONNACK return codes. Source: MQTT 3.1.1 §3.2.2.3, table 3.1. */
export const ReturnCode = {
  ACCEPTED: 0,
  UNACCEPTABLE_PROTOCOL_VERSION: 1,
  IDENTIFIER_REJECTED: 2,
  SERVER_UNAVAILABLE: 3,
  BAD_USER_NAME_OR_PASSWORD: 4,
  NOT_AUTHORIZED: 5,
} as const

export type ReturnCode = (typeof ReturnCode)[keyof typeof ReturnCode]

/** A login that this door refuses by itself, whatever the registry says. */
export class LoginRefused extends Error {
  override readonly name = 'LoginRefused'
  readonly returnCode: ReturnCode

  constructor(returnCode: ReturnCode, message: string) {
    super(message)
    this.returnCode = returnCode
  }
}

/** Return code of each refusal. A new code does not compile until it is answered here. */
const returnCodeFor = {
  ERR_CREDENTIALS_INVALID: ReturnCode.BAD_USER_NAME_OR_PASSWORD,
  ERR_INPUT_INVALID: ReturnCode.BAD_USER_NAME_OR_PASSWORD,
  ERR_NOT_FOUND: ReturnCode.BAD_USER_NAME_OR_PASSWORD,
  ERR_BUSY: ReturnCode.SERVER_UNAVAILABLE,
  ERR_STORE_UNAVAILABLE: ReturnCode.SERVER_UNAVAILABLE,
  ERR_CONFLICT: ReturnCode.NOT_AUTHORIZED,
  ERR_MANUFACTURER_ID_MISSING: ReturnCode.NOT_AUTHORIZED,
  ERR_REGISTRATION_TOKEN_INVALID: ReturnCode.NOT_AUTHORIZED,
  ERR_DEVICE_ALREADY_REGISTERED: ReturnCode.NOT_AUTHORIZED,
  ERR_TOKEN_REVOKED: ReturnCode.NOT_AUTHORIZED,
  ERR_TOKEN_EXHAUSTED: ReturnCode.NOT_AUTHORIZED,
  ERR_TOKEN_NOT_FOR_DEVICE: ReturnCode.NOT_AUTHORIZED,
  ERR_RATE_LIMITED: ReturnCode.SERVER_UNAVAILABLE,
  ERR_NOT_IN_ALLOW_LIST: ReturnCode.NOT_AUTHORIZED,
  ERR_APPROVAL_PENDING: ReturnCode.NOT_AUTHORIZED,
  ERR_REGISTRATION_REFUSED: ReturnCode.NOT_AUTHORIZED,
  ERR_ADMISSION_UNDECIDED: ReturnCode.NOT_AUTHORIZED,
} as const satisfies Record<RegistryErrorCode, ReturnCode>

/** What the client is told. A fault of ours is 3, so that the device tries again; 4 and 5 make some give up for good. */
export function returnCodeOf(error: unknown): ReturnCode {
  if (error instanceof LoginRefused) return error.returnCode
  if (error instanceof RegistryError) return returnCodeFor[error.code]
  return ReturnCode.SERVER_UNAVAILABLE
}

/** Why a login was refused, for those who count. */
export type LoginRefusal = 'bad_credentials' | 'not_allowed' | 'busy' | 'fault'

export function loginRefusalOf(error: unknown): LoginRefusal {
  if (error instanceof LoginRefused) return 'not_allowed'
  if (!(error instanceof RegistryError)) return 'fault'
  if (error.code === 'ERR_BUSY') return 'busy'
  return returnCodeFor[error.code] === ReturnCode.SERVER_UNAVAILABLE ? 'fault' : 'bad_credentials'
}

/** For the operator, who may know which check failed. */
export function attemptRefusalOf(error: unknown): AttemptRefusal {
  if (error instanceof LoginRefused) return { code: 'ERR_LOGIN_NOT_ALLOWED', reason: error.message }
  if (!(error instanceof RegistryError)) return { code: 'ERR_INTERNAL', fault: true }
  return { code: error.code, reason: typeof error.cause === 'string' ? error.cause : error.message }
}
