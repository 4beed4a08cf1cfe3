export { createAdminHttp, type AdminHttp } from './app.ts'
export type { ClientNews, NewsSources } from './events.ts'
export type { PageFiles } from './page.ts'
export { mayReach, type AdminReach } from './reach.ts'
