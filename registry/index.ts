export * from './access-key.ts'
export * from './accounts/index.ts'
export * from './acl.ts'
export * from './networks.ts'
export * from './admission/index.ts'
export * from './device.ts'
export type { CommandSent, MessageReach } from './devices/command-sent.ts'
export type { DeviceMessage } from './devices/device-message.ts'
export type { DeviceChange } from './devices/device-change.ts'
export { MAX_IMPORTED_DEVICES, type DeviceRow } from './devices/device-imports.ts'
export type { DeviceFilter } from './devices/device-filter.ts'
export type { BulkChange, BulkResult, Devices } from './devices/devices.ts'
export { FIXED_KEYS } from './devices/tags.ts'
export { LONGEST_OVERLAP_MS } from './devices/overlaps.ts'
export type { DevicePresence } from './devices/presence.ts'
export * from './errors.ts'
export { handshakeFailure } from './handshake-failure.ts'
export { DEFAULT_POOL_THREADS } from './hash-gate.ts'
export * from './journal/index.ts'
export * from './key-filter.ts'
export * from './log.ts'
export { NORMALISATIONS, type Normalisation } from './manufacturer-id.ts'
export * from './open-registry.ts'
export * from './principal.ts'
export * from './printable.ts'
export * from './recipe.ts'
export * from './registration-token.ts'
export type { Registered, RegistrationRequest } from './registrations.ts'
export * from './registry.ts'
export type { Revocation } from './revocation.ts'
export * from './secret.ts'
export { MIN_CHOSEN_SECRET_CHARACTERS } from './service-keys.ts'
export * from './signal.ts'
export type { DevicePage, DeviceSelection } from './devices/device-search.ts'
export type { RegistryDatabase } from './store.ts'
export { RegistryAudit } from './store-audit.ts'
export type { ReturnReason } from './returns/index.ts'
export {
  COMING_BACK,
  MIN_SIGNING_SECRET_BYTES,
  SIGNING_ALGORITHMS,
  type ComingBack,
  type SigningAlgorithm,
  type SigningKeySummary,
  type TokenRecord,
  type TokenReport,
  type TokenTerms,
} from './tokens/index.ts'
export * from './topics.ts'
