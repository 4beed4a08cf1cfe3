export * from './admission.ts'
export * from './allow-list.ts'
export * from './approvals.ts'
export { AdmissionAudit } from './audit.ts'
