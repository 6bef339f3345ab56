/** docs/guides/deployment.md: its files have the form that systemd, Docker, Kubernetes and nginx demand, and lead to what is there. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { z } from 'zod'
import { namedBlocks } from '../fixtures/code-blocks.ts'
import { Guide } from '../fixtures/guide.ts'
import { parseYaml } from '../fixtures/yaml.ts'

const guide = new Guide('deployment')
const {
  'nginx.conf': nginx,
  'chat.service': service,
  'image.dockerfile': dockerfile,
  'chat.yaml': yaml,
} = namedBlocks(guide.text, 'nginx|ini|dockerfile|yaml') as Record<string, string>
const SERVER = guide.files['server.js'] as string
/** What an image needs besides the files of the page. */
const MANIFESTS = ['package.json', 'package-lock.json']

const LABELS = z.record(z.string(), z.string())
const NAME = z.string().regex(/^[a-z]([-a-z0-9]*[a-z0-9])?$/)
const MEMORY = z.string().regex(/^\d+(Mi|Gi)$/)
const METADATA = z.strictObject({ name: NAME, annotations: LABELS.optional() })
const PROBE = z.strictObject({
  httpGet: z.strictObject({ path: z.string().startsWith('/'), port: NAME }),
  periodSeconds: z.int().min(1),
  timeoutSeconds: z.int().min(1).optional(),
  failureThreshold: z.int().min(1),
})
const CONTAINER = z.strictObject({
  name: NAME,
  image: z.string(),
  ports: z.array(z.strictObject({ name: NAME, containerPort: z.int() })),
  lifecycle: z.strictObject({
    preStop: z.strictObject({ exec: z.strictObject({ command: z.array(z.string()) }) }),
  }),
  startupProbe: PROBE,
  readinessProbe: PROBE,
  livenessProbe: PROBE,
  resources: z.strictObject({
    requests: z.strictObject({ cpu: z.string().regex(/^\d+m?$/), memory: MEMORY }),
    limits: z.strictObject({ memory: MEMORY }),
  }),
})
const SELECTOR = z.strictObject({ matchLabels: LABELS })

/** As much of Kubernetes as the page has; what is misspelt would be ignored there. */
const RESOURCES = {
  Deployment: z.strictObject({
    apiVersion: z.literal('apps/v1'),
    kind: z.literal('Deployment'),
    metadata: METADATA,
    spec: z.strictObject({
      replicas: z.int(),
      selector: SELECTOR,
      strategy: z.strictObject({ rollingUpdate: z.strictObject({ maxUnavailable: z.int(), maxSurge: z.int() }) }),
      template: z.strictObject({
        metadata: z.strictObject({ labels: LABELS }),
        spec: z.strictObject({ terminationGracePeriodSeconds: z.int(), containers: z.tuple([CONTAINER]) }),
      }),
    }),
  }),
  Service: z.strictObject({
    apiVersion: z.literal('v1'),
    kind: z.literal('Service'),
    metadata: METADATA,
    spec: z.strictObject({
      selector: LABELS,
      ports: z.array(z.strictObject({ name: NAME, port: z.int(), targetPort: NAME })),
    }),
  }),
  PodDisruptionBudget: z.strictObject({
    apiVersion: z.literal('policy/v1'),
    kind: z.literal('PodDisruptionBudget'),
    metadata: METADATA,
    spec: z.strictObject({ maxUnavailable: z.int(), selector: SELECTOR }),
  }),
  Ingress: z.strictObject({
    apiVersion: z.literal('networking.k8s.io/v1'),
    kind: z.literal('Ingress'),
    metadata: METADATA,
    spec: z.strictObject({
      ingressClassName: z.string(),
      tls: z.array(z.strictObject({ hosts: z.array(z.string()), secretName: NAME })),
      rules: z.array(
        z.strictObject({
          host: z.string(),
          http: z.strictObject({
            paths: z.array(
              z.strictObject({
                path: z.string(),
                pathType: z.enum(['Exact', 'Prefix']),
                backend: z.strictObject({
                  service: z.strictObject({ name: NAME, port: z.strictObject({ name: NAME }) }),
                }),
              }),
            ),
          }),
        }),
      ),
    }),
  }),
}

t.test('chat.yaml: four resources that find each other, and the ports of the server', async (t) => {
  const documents = parseYaml(yaml!) as { kind: string }[]
  t.same(
    documents.map(({ kind }) => kind),
    Object.keys(RESOURCES),
  )
  const [deployment, front, budget, ingress] = [
    RESOURCES.Deployment.parse(documents[0]),
    RESOURCES.Service.parse(documents[1]),
    RESOURCES.PodDisruptionBudget.parse(documents[2]),
    RESOURCES.Ingress.parse(documents[3]),
  ]
  const { template, selector } = deployment.spec
  const { labels } = template.metadata
  for (const found of [selector.matchLabels, front.spec.selector, budget.spec.selector.matchLabels])
    t.same(found, labels)
  const [container] = template.spec.containers
  const portOf = new Map(container.ports.map(({ name, containerPort }) => [name, containerPort]))
  for (const port of portOf.values()) t.ok(SERVER.includes(`.listen(${port})`), String(port))
  for (const { httpGet } of [container.startupProbe, container.readinessProbe, container.livenessProbe]) {
    // What answers there is run by deployment.test.ts.
    t.equal(portOf.get(httpGet.port), 9090)
    t.ok(SERVER.includes(`'${httpGet.path}': healthHandler(`), httpGet.path)
  }
  for (const { targetPort } of front.spec.ports) t.equal(portOf.get(targetPort), 8080, 'nobody gets at the probes')
  const [rule] = ingress.spec.rules
  t.same(ingress.spec.tls[0]?.hosts, [rule?.host])
  t.ok(SERVER.includes(`'https://${rule?.host}'`), 'the origin that the server allows')
  for (const { path, backend } of rule?.http.paths ?? []) {
    t.ok(SERVER.includes(`path: '${path}'`), path)
    t.equal(backend.service.name, front.metadata.name)
    t.ok(front.spec.ports.some(({ name }) => name === backend.service.port.name))
  }
  const [shards, heapMb] = [/shards: (\d+)/, /maxOldGenerationSizeMb: (\d+)/].map((of) => Number(of.exec(SERVER)?.[1]))
  t.match(container.resources.limits.memory, /^\dGi$/)
  // Heap and as many Buffers of each shard, and as much again for main.
  t.ok(Number.parseInt(container.resources.limits.memory, 10) * 1024 >= 2 * heapMb! * (shards! + 1))
})

t.test('image.dockerfile: it copies what is there, and starts it without a shell', async (t) => {
  const lines = dockerfile!.trim().split('\n').slice(1)
  const instructions = lines.map((line) => /^(FROM|WORKDIR|COPY|RUN|ENV|USER|EXPOSE|CMD) (.+)$/.exec(line))
  t.ok(instructions.every(Boolean), 'instructions of Docker')
  const all = (name: string): string[] =>
    instructions.flatMap((each) => (each?.[1] === name ? [each[2] as string] : []))
  t.match(instructions[0]?.[0], /^FROM node:\d+-slim$/)
  const copied = all('COPY').flatMap((files) => files.split(' ').slice(0, -1))
  t.same(copied.sort(), [...MANIFESTS, ...Object.keys(guide.files)].sort())
  const [command] = all('CMD').map((text) => JSON.parse(text) as string[])
  t.same([command?.[0], copied.includes(command?.[1] ?? '')], ['node', true])
  t.same(
    all('EXPOSE')[0]
      ?.split(' ')
      .filter((port) => !SERVER.includes(`.listen(${port})`)),
    [],
  )
  t.ok(lines.indexOf('USER node') > 0 && lines.indexOf('USER node') < lines.length - 1, 'not as root')
})

t.test('chat.service: its sections, and the file that it starts', async (t) => {
  const sections = service!.split(/^\[(\w+)\]$/m).slice(1)
  t.same(
    sections.filter((_, index) => index % 2 === 0),
    ['Unit', 'Service', 'Install'],
  )
  for (const line of sections.filter((_, index) => index % 2 === 1).flatMap((text) => text.trim().split('\n'))) {
    t.match(line, /^[A-Z]\w+=\S/, line)
  }
  const [, script = ''] = /^ExecStart=\/usr\/bin\/node (\S+)$/m.exec(service!) ?? []
  t.ok(script in guide.files, script)
})

/** Whether systemd can judge a unit here: it needs more than its program. */
function verify(folder: string, unit: string): { readonly status: number | null; readonly stderr: string } {
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', join(folder, unit)], {
    encoding: 'utf8',
    timeout: 10_000,
  })
  return { status, stderr: stderr ?? '' }
}

const unit = (text: string): string => text.replace('/usr/bin/node', process.execPath)
const TRIVIAL = unit('[Service]\nExecStart=/usr/bin/node\n')

t.test('chat.service: systemd itself finds nothing wrong with it', async (t) => {
  const folder = t.testdir({
    'trivial.service': TRIVIAL,
    'wrong.service': TRIVIAL.replace('[Service]', '[Service]\nKillMod=mixed'),
    'chat.service': unit(service!),
  })
  const trivial = verify(folder, 'trivial.service')
  if (trivial.status !== 0) return t.pass(`systemd-analyze judges nothing here: ${trivial.stderr}`)
  t.match(verify(folder, 'wrong.service').stderr, /KillMod/)
  t.same(verify(folder, 'chat.service'), { status: 0, stderr: '' })
})

t.test('nginx.conf: blocks and directives, and an upstream that is there', async (t) => {
  let depth = 0
  for (const line of nginx!.trim().split('\n').slice(1)) {
    if (line.trim() === '') continue
    t.match(line, /^ *(?:[\w$'/=. -]+ \{|\}|[\w$'".:/ -]+;)$/, line)
    if (line.trim() === '}') depth--
    t.equal(line.length - line.trimStart().length, 2 * depth, line)
    if (line.endsWith('{')) depth++
  }
  t.equal(depth, 0)
  const [, upstream = ''] = /proxy_pass http:\/\/(\w+);/.exec(nginx!) ?? []
  const [, port = ''] = new RegExp(`upstream ${upstream} \\{\\s+server 127\\.0\\.0\\.1:(\\d+);`).exec(nginx!) ?? []
  t.ok(SERVER.includes(`.listen(${port})`), port)
  const [, path = ''] = /location = (\S+) \{\s+proxy_pass/.exec(nginx!) ?? []
  t.ok(SERVER.includes(`path: '${path}'`), path)
  const variables = [...nginx!.matchAll(/\$(\w+)/g)].map(([, name = '']) => name)
  const known = ['http_upgrade', 'http_host', 'proxy_add_x_forwarded_for']
  for (const name of variables) t.ok(known.includes(name) || nginx!.includes(`map $http_upgrade $${name} {`), name)
})
