import { RegistryError, type RegistryErrorCode } from '../registry/index.ts'
import { RequestError } from './errors.ts'

/** How a request to register ended, for those who count. */
export type RegistrationResult =
  | 'created'
  | 'returned'
  | 'exists'
  | 'bad_token'
  | 'exhausted'
  | 'rate_limited'
  | 'missing_id'
  | 'not_in_allowlist'
  | 'pending'
  | 'refused'
  | 'undecided'
  | 'bad_request'
  | 'busy'
  | 'fault'

/** Result of each refusal. A new code does not compile until it is counted here. */
const resultFor = {
  ERR_MANUFACTURER_ID_MISSING: 'missing_id',
  ERR_REGISTRATION_TOKEN_INVALID: 'bad_token',
  ERR_DEVICE_ALREADY_REGISTERED: 'exists',
  ERR_TOKEN_REVOKED: 'bad_token',
  ERR_TOKEN_EXHAUSTED: 'exhausted',
  ERR_TOKEN_NOT_FOR_DEVICE: 'bad_token',
  ERR_RATE_LIMITED: 'rate_limited',
  ERR_NOT_IN_ALLOW_LIST: 'not_in_allowlist',
  ERR_APPROVAL_PENDING: 'pending',
  ERR_REGISTRATION_REFUSED: 'refused',
  ERR_ADMISSION_UNDECIDED: 'undecided',
  ERR_CREDENTIALS_INVALID: 'bad_request',
  ERR_NOT_FOUND: 'bad_request',
  ERR_CONFLICT: 'bad_request',
  ERR_INPUT_INVALID: 'bad_request',
  ERR_BUSY: 'busy',
  ERR_STORE_UNAVAILABLE: 'fault',
} as const satisfies Record<RegistryErrorCode, RegistrationResult>

export function resultOf(error: unknown): RegistrationResult {
  if (error instanceof RegistryError) return resultFor[error.code]
  return error instanceof RequestError ? 'bad_request' : 'fault'
}
