import { registrationContract } from '../contract/registration.ts'
import { aDoor, aSecureDoor } from './support.ts'

registrationContract('http', (t) => aDoor(t))
registrationContract('https', aSecureDoor)
