import type { Me } from '../session.ts'

export const ROLES = [
  ['viewer', 'Viewer: looks'],
  ['operator', 'Operator: changes devices and tokens'],
  ['admin', 'Admin: everything'],
] as const

export const roleOf = (text: string | undefined): Me['role'] =>
  text === 'admin' || text === 'operator' ? text : 'viewer'
