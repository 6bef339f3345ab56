/**
 * Prices that move every second, or every PRICE_INTERVAL_MS: send `{"action":"subscribe","symbol":"AAPL"}`.
 * `node dist/examples/verb/stocks.js`
 */
import { createServer, ServerProtocol, type VerbSocket } from '../../src/facades/verb.ts'
import { parseObject } from './parse.ts'
import { serve } from './serve.ts'

const { PRICE_INTERVAL_MS = '1000' } = process.env

const stockPrices = new Map(['AAPL', 'GOOGL', 'MSFT', 'TSLA'].map((symbol) => [symbol, 100]))

const app = createServer(ServerProtocol.WEBSOCKET)

app.withOptions({
  websocket: {
    message: (ws, message) => {
      const { action, symbol } = parseObject(message) ?? {}
      const price = stockPrices.get(String(symbol))
      if (price === undefined) return refuse(ws, `symbol must be one of ${[...stockPrices.keys()].join(', ')}`)
      // A connection leaves its rooms when it closes: nothing to clean up.
      if (action === 'subscribe') {
        ws.join(String(symbol))
        ws.send(stockUpdate(String(symbol), price))
      } else if (action === 'unsubscribe') ws.leave(String(symbol))
      else refuse(ws, 'action must be subscribe or unsubscribe')
    },
  },
})

function stockUpdate(symbol: string, price: number): string {
  return JSON.stringify({ type: 'stock_update', symbol, price, timestamp: Date.now() })
}

function refuse(ws: VerbSocket, message: string): void {
  ws.send(JSON.stringify({ type: 'error', message }))
}

const timer = setInterval(() => {
  for (const [symbol, price] of stockPrices) {
    const next = Math.max(0, price + (Math.random() - 0.5) * 10)
    stockPrices.set(symbol, next)
    app.publish(symbol, stockUpdate(symbol, next))
  }
}, Number(PRICE_INTERVAL_MS))
// The server keeps the process alive; the prices alone should not.
timer.unref()

await serve(app)
