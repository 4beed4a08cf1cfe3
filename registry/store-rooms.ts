/**
 * devices: device ID → device · by-manufacturer-id: manufacturer ID → device ID
 * access-keys: access key → key record · keys-by-device: device ID → access key
 * service-keys: name → access key
 */
export const registryRooms = {
  devices: 'devices',
  byManufacturerId: 'by-manufacturer-id',
  accessKeys: 'access-keys',
  keysByDevice: 'keys-by-device',
  serviceKeys: 'service-keys',
} as const
