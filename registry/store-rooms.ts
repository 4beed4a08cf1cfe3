/**
 * devices: device ID → device · by-manufacturer-id: normalised manufacturer ID → device ID
 * access-keys: access key → key record · keys-by-device: device ID → access key
 * service-keys: name → access key · registry-meta: `normalisation` → how manufacturer IDs were compared last
 * allow-list, allow-list-state, approvals: see `admission/`
 */
export const registryRooms = {
  devices: 'devices',
  byManufacturerId: 'by-manufacturer-id',
  accessKeys: 'access-keys',
  keysByDevice: 'keys-by-device',
  serviceKeys: 'service-keys',
  meta: 'registry-meta',
  allowList: 'allow-list',
  allowListState: 'allow-list-state',
  approvals: 'approvals',
} as const
