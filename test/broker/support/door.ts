import {
  AccessControl,
  RegistryError,
  Signal,
  type DevicePrincipal,
  type DeviceTopics,
  type Presented,
  type Principal,
  type Registry,
  type Revocation,
  type ServiceRules,
} from '../../../registry/index.ts'

export const SECRET = 'the right secret'

/** 24 hexadecimal characters, a device id. */
export const deviceIdOf = (n: number): string => n.toString(16).padStart(24, '0')
export const keyOfDevice = (n: number): string => `key-of-device-${n}`

type Door = Pick<Registry, 'authenticate' | 'acl' | 'accessRevoked'>

/**
 * The part of a registry that the broker uses: any number of devices, service keys by name, one secret for all. As in
 * the real one, a device's key demands the device's id, and a service key any other.
 */
export class FakeRegistry implements Door {
  readonly acl: AccessControl
  readonly accessRevoked = new Signal<Revocation>((fault) => {
    throw fault
  })
  readonly presented: Presented[] = []
  /** What else is known of a device's login, by its number. */
  readonly devices = new Map<number, Partial<DevicePrincipal>>()
  readonly #services = new Map<string, ServiceRules>()

  constructor(deviceTopics: DeviceTopics = 'own') {
    this.acl = new AccessControl('losant', deviceTopics)
  }

  addService(name: string, rules: Partial<ServiceRules> = {}): void {
    this.#services.set(name, { publish: ['#'], subscribe: ['#'], deny: [], ...rules })
  }

  knows(name: string): boolean {
    return this.#services.has(name)
  }

  async authenticate(presented: Presented): Promise<Principal> {
    this.presented.push(presented)
    const { accessKey, accessSecret, clientId } = presented
    const device = /^key-of-device-(\d+)$/.exec(accessKey)
    const rules = this.#services.get(accessKey)
    if (accessSecret === SECRET && device !== null && clientId === deviceIdOf(Number(device[1]))) {
      return { kind: 'device', accessKey, deviceId: clientId, ...this.devices.get(Number(device[1])) }
    }
    if (accessSecret === SECRET && rules !== undefined && !/^[0-9a-f]{24}$/.test(clientId)) {
      return { kind: 'service', accessKey, name: accessKey, rules }
    }
    throw new RegistryError('ERR_CREDENTIALS_INVALID', 'Bad access key or access secret', { cause: 'the reason' })
  }
}
