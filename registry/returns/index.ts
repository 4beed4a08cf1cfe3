export { ReturnsAudit } from './audit.ts'
export { Returns, type ReturnReason } from './returns.ts'
