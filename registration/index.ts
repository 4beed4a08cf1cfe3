export { createRegistrationApp, type RegistrationParts } from './app.ts'
export { type Readiness, type ReadinessCheck } from './health.ts'
export { httpTimeouts, type Certificate, type HttpTimeouts } from './http-server.ts'
export { listenHttp, type HttpListener, type HttpListenerOptions, type ListenAddress } from './listener.ts'
