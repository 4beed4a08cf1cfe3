export { includesRole, MIN_PASSWORD_CHARACTERS, ROLES, type Account, type Role } from './account.ts'
export { Accounts } from './accounts.ts'
export type { ApiToken } from './api-tokens.ts'
export type { AdminSession } from './sessions.ts'
