import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { SpillwayProvider } from 'spillway/react'
import { App } from './app.jsx'

// The server's address; its folder `models/` has the models. `vite build` reads it from VITE_SPILLWAY_SERVER.
const options = { server: import.meta.env.VITE_SPILLWAY_SERVER ?? 'http://localhost:8080/' }

createRoot(document.getElementById('root')).render(
  <StrictMode>
    <SpillwayProvider options={options}>
      <App />
    </SpillwayProvider>
  </StrictMode>,
)
