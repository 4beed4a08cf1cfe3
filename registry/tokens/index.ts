export { SIGNING_ALGORITHMS, MIN_SIGNING_SECRET_BYTES, type SigningAlgorithm } from './signing-key.ts'
export { SigningKeys, type SigningKeySummary } from './signing-keys.ts'
export {
  COMING_BACK,
  TOKEN_MODES,
  type ComingBack,
  type TokenMode,
  type TokenRecord,
  type TokenTerms,
} from './token.ts'
export { TokenStore, type TokenDevice } from './token-store.ts'
export { TokenUses, type TokenUse } from './token-uses.ts'
export { Tokens, type ChangedLimits, type Permission, type TokenReport } from './tokens.ts'
