/** Whether all is well at /ws/health, and figures for Prometheus at /ws/metrics: `node dist/examples/nextrush/health.js` */
import { createApp, WebSocketPlugin } from '../../src/facades/nextrush.ts'
import { healthHandler, metricsHandler } from '../../src/metrics/handlers.ts'
import { serve } from './serve.ts'

const app = createApp()
const wsPlugin = new WebSocketPlugin().install(app)

app.ws('/ws', (socket) => {
  socket.join('everybody')
  socket.onMessage((data) => socket.send(data))
})

const health = healthHandler(wsPlugin.server)
app.get('/ws/health', (ctx) => health(ctx.req, ctx.res))

const metrics = metricsHandler(wsPlugin.server)
app.get('/ws/metrics', (ctx) => metrics(ctx.req, ctx.res))

await serve(app)
