import type { RegistryErrorCode } from '../registry/index.ts'

/** HTTP status of each refusal. A new code does not compile until it is answered here. */
export const statusOf = {
  ERR_MANUFACTURER_ID_MISSING: 400,
  ERR_REGISTRATION_TOKEN_INVALID: 403,
  ERR_DEVICE_ALREADY_REGISTERED: 409,
  ERR_TOKEN_REVOKED: 403,
  ERR_TOKEN_EXHAUSTED: 403,
  ERR_TOKEN_NOT_FOR_DEVICE: 403,
  ERR_RATE_LIMITED: 429,
  ERR_NOT_IN_ALLOW_LIST: 403,
  ERR_APPROVAL_PENDING: 403,
  ERR_REGISTRATION_REFUSED: 403,
  ERR_ADMISSION_UNDECIDED: 503,
  ERR_CREDENTIALS_INVALID: 403,
  ERR_NOT_FOUND: 404,
  ERR_CONFLICT: 409,
  ERR_INPUT_INVALID: 400,
  ERR_BUSY: 503,
  ERR_STORE_UNAVAILABLE: 503,
} as const satisfies Record<RegistryErrorCode, number>

export const isRefusalCode = (code: string): code is RegistryErrorCode => Object.hasOwn(statusOf, code)
