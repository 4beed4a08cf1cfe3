import { render } from 'preact'
import { App } from './app.tsx'
import { findSession } from './session.ts'
import './styles/tokens.css'
import './styles/layout.css'
import './styles/parts.css'

const root = document.getElementById('app')
if (root !== null) render(<App />, root)
void findSession()
