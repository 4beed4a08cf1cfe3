import { render } from 'preact'
import { App } from './app.tsx'
import { findSession } from './session.ts'
import './styles/tokens.css'
import './styles/layout.css'
import './styles/controls.css'
import './styles/words.css'
import './styles/live.css'
import './styles/dialogs.css'
import './styles/narrow.css'

const root = document.getElementById('app')
if (root !== null) render(<App />, root)
void findSession()
