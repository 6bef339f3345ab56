import t from 'tap'
import { WebSocketServer } from '../../src/index.ts'
import { resolveTls } from '../../src/main/tls-options.ts'
import { CERTIFICATE, EXAMPLE_CERTIFICATE } from '../fixtures/certificate.ts'

t.test('what tls takes becomes contexts by name, in lower case', async (t) => {
  t.equal(resolveTls(undefined), null)
  const resolved = resolveTls({ ...CERTIFICATE, minVersion: 'TLSv1.3', sni: { '*.Example.ORG': EXAMPLE_CERTIFICATE } })
  t.match(resolved, {
    contexts: {
      fallback: { ...CERTIFICATE, minVersion: 'TLSv1.3' },
      byName: { '*.example.org': EXAMPLE_CERTIFICATE },
    },
    requestCert: false,
    rejectUnauthorized: true,
  })
  t.equal(resolved?.ticketKeys.length, 48)
  t.match(resolveTls({ ...CERTIFICATE, requestCert: true, rejectUnauthorized: false }), {
    requestCert: true,
    rejectUnauthorized: false,
  })
  t.match(resolveTls({ sni: { localhost: CERTIFICATE } }), { contexts: { fallback: {} } })
})

t.test('what it does not take is named', async (t) => {
  const invalid = [
    [{}, /^options\.tls needs cert and key, or pfx$/],
    [{ cert: CERTIFICATE.cert }, /^options\.tls needs cert and key, or pfx$/],
    [{ key: CERTIFICATE.key, sni: { a: CERTIFICATE } }, /^options\.tls needs cert and key, or pfx$/],
    [{ cert: 'x', key: 'y' }, /^options\.tls is no usable certificate: /],
    [{ ...CERTIFICATE, key: EXAMPLE_CERTIFICATE.key }, /^options\.tls is no usable certificate: /],
    [{ ...CERTIFICATE, cert: 5 }, /^options\.tls\.cert must be a string, a Buffer or an array of such, got 5/],
    [{ ...CERTIFICATE, requestCert: 1 }, /^options\.tls\.requestCert must be true or false/],
    [{ ...CERTIFICATE, sni: { '*': CERTIFICATE } }, /^options\.tls\.sni\['\*'\] must be a host name, or/],
    [{ ...CERTIFICATE, sni: { 'a.*.b': CERTIFICATE } }, /must be a host name, or/],
    [{ ...CERTIFICATE, sni: { a: {} } }, /^options\.tls\.sni\['a'\] needs cert and key, or pfx$/],
    [{ ...CERTIFICATE, sni: { a: 'cert' } }, /^options\.tls\.sni\['a'\] must be an object/],
  ] as const
  for (const [tls, message] of invalid) {
    t.throws(() => resolveTls(tls as never), { code: 'OPTION_INVALID', message })
  }
  for (const [tls, name] of [
    [{ ...CERTIFICATE, SNICallback: () => {} }, 'SNICallback'],
    [{ ...CERTIFICATE, sni: { a: { ...CERTIFICATE, requestCert: true } } }, 'requestCert'],
  ] as const) {
    t.throws(() => resolveTls(tls as never), { code: 'OPTION_UNKNOWN', message: new RegExp(name) })
  }
})

t.test('options that exclude each other are named, with the fix', async (t) => {
  const raw = { accept: 'raw', shards: 1 } as const
  for (const [options, message] of [
    [{ tls: CERTIFICATE }, /options\.tls needs accept: 'raw' or 'acceptor'.* attach an https\.Server/],
    [{ ...raw, shardBy: () => 'x' }, /options\.shardBy needs the request, .* leave shardBy out or use 'attach'/],
    [{ ...raw, placement: () => 0 }, /options\.placement needs the request, .* leave placement out/],
    [{ accept: 'acceptor', shards: 0 }, /options\.shards must be 1 or more with accept: 'acceptor'; or use 'raw'/],
    [{ ...raw, handoff: 'relay' }, /options\.handoff: 'relay' hands over no TCP connections for 'raw'/],
  ] as const) {
    t.throws(() => new WebSocketServer(options), { code: 'OPTION_INVALID', message })
  }
})
