import type { RegistryErrorCode } from '../registry/index.ts'

/** HTTP status of each refusal of the registry. A new code does not compile until it is answered here. */
export const httpStatusFor = {
  ERR_MANUFACTURER_ID_MISSING: 403,
  ERR_REGISTRATION_TOKEN_INVALID: 403,
  ERR_DEVICE_ALREADY_REGISTERED: 403,
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

/** Refusals that only HTTP knows: the request never became a question for the registry. */
export const requestStatusFor = {
  ERR_REQUEST_MALFORMED: 400,
  ERR_BODY_MALFORMED: 400,
  ERR_BODY_INCOMPLETE: 400,
  ERR_ROUTE_NOT_FOUND: 404,
  ERR_METHOD_NOT_ALLOWED: 405,
  ERR_REQUEST_TIMEOUT: 408,
  ERR_BODY_TOO_LARGE: 413,
  ERR_MEDIA_TYPE_UNSUPPORTED: 415,
  ERR_HEADERS_TOO_LARGE: 431,
} as const

export type RequestErrorCode = keyof typeof requestStatusFor

/** What is wrong with the request as HTTP. The message is safe to show to the caller. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly code: RequestErrorCode
  /** Further headers of the answer, such as `Allow`. */
  readonly headers: Readonly<Record<string, string>>

  constructor(
    code: RequestErrorCode,
    message: string,
    options: ErrorOptions & { headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message, options)
    this.code = code
    this.headers = options.headers ?? {}
  }
}
