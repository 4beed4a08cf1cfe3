export { Returns, type ReturnReason } from './returns.ts'
