import t from 'tap'
import { takeSessionOffer } from '../../src/main/session-offer.ts'

const NAME = 'Sec-WebSocket-Protocol'

function take(...lines: string[]) {
  const request = {
    headers: { 'sec-websocket-protocol': lines.join(', ') },
    rawHeaders: ['Host', 'shardws.resume.host', ...lines.flatMap((line) => [NAME, line])],
  }
  const names = lines
    .join(',')
    .split(',')
    .map((name) => name.trim())
  return { ...request, offer: takeSessionOffer(request, names) }
}

t.test('who does not ask for a session has none, and nothing is changed', async (t) => {
  t.equal(takeSessionOffer({ headers: {}, rawHeaders: [] }, []), null)
  const { headers, offer } = take('chat, shardws.resume.secret')
  t.equal(offer, null)
  t.same(headers, { 'sec-websocket-protocol': 'chat, shardws.resume.secret' })
})

t.test('the other subprotocols are for the application, in their order', async (t) => {
  t.same(take('shardws.session').offer, { protocols: [], token: null })
  t.same(take('chat, shardws.session, v2').offer, { protocols: ['chat', 'v2'], token: null })
})

t.test('a token is taken out of the headers, however they are written', async (t) => {
  const { headers, rawHeaders, offer } = take('chat, shardws.resume.secret', 'shardws.session')
  t.same(offer, { protocols: ['chat'], token: 'secret' })
  t.same(headers, { 'sec-websocket-protocol': 'chat, shardws.session' })
  t.same(rawHeaders, ['Host', 'shardws.resume.host', NAME, 'chat', NAME, 'shardws.session'])
})

t.test('several tokens are none', async (t) => {
  const { headers, offer } = take('shardws.session, shardws.resume.one, shardws.resume.two')
  t.same(offer, { protocols: [], token: '' })
  t.same(headers, { 'sec-websocket-protocol': 'shardws.session' })
  t.same(take('shardws.session, shardws.resume.').offer, { protocols: [], token: '' })
})
