/**
 * What a JSON schema costs: the same requests with a schema and without, in turn, in one run. The answers are cut after
 * the same number of tokens, so that only the cost of a token differs. A server that ignores the schema pays nothing
 * for it: the last column tells whether what it wrote begins as the schema demands.
 *
 * Arguments: names of peers; none means all.
 */
import { z } from 'zod';
import { Collector, type Figures } from './lib/collector.ts';
import { distinctPrompt } from './lib/distinct-prompt.ts';
import { runLoad } from './lib/load-client.ts';
import type { BenchServer } from './lib/peer-server.ts';
import { publish } from './lib/report.ts';
import { withServers } from './lib/with-servers.ts';

const MODEL = 'plain-text';
const CLIENTS = [1, 8, 32];
const ROUNDS = 5;
const TOKENS = 128;

/** Never complete within the tokens of a round: the array has to be longer. */
const SCHEMA = {
  type: 'object',
  properties: {
    name: { type: 'string', minLength: 40 },
    values: { type: 'array', items: { type: 'integer' }, minItems: 200 },
  },
  required: ['name', 'values'],
  additionalProperties: false,
};

interface Row {
  readonly clients: number;
  readonly server: string;
  readonly format: string;
  readonly figures: Figures;
}

const formatOf = (schema: object): Record<string, unknown> => ({
  response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema } },
});

interface Format {
  readonly name: string;
  readonly options: Record<string, unknown>;
}

const FORMATS: readonly Format[] = [
  { name: 'none', options: {} },
  { name: 'json_schema', options: formatOf(SCHEMA) },
];

const answerSchema = z.object({
  choices: z.tuple([z.object({ message: z.object({ content: z.string() }) })]),
});

/** Whether a schema that allows one answer only gives that answer. */
async function honoursSchemas(server: BenchServer): Promise<boolean> {
  const schema = {
    type: 'object',
    properties: { ok: { const: true } },
    required: ['ok'],
    additionalProperties: false,
  };
  const response = await fetch(`http://127.0.0.1:${String(server.port)}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: server.model,
      messages: [{ role: 'user', content: 'Is it?' }],
      max_tokens: 100,
      ...formatOf(schema),
    }),
  });
  const answer = answerSchema.safeParse(await response.json());
  return answer.success && /^\s*\{\s*"ok"\s*:\s*true\s*\}\s*$/.test(answer.data.choices[0].message.content);
}

async function runRound(server: BenchServer, clients: number, { name, options }: Format, round: number) {
  return await runLoad({
    port: server.port,
    model: server.model,
    clients,
    requestsPerClient: 1,
    maxTokens: () => TOKENS,
    prompt: (client) => distinctPrompt([clients, client, round], `${name}: some JSON, please`),
    options,
  });
}

async function measure(servers: readonly BenchServer[], clients: number): Promise<Row[]> {
  const measured = servers.flatMap((server) =>
    FORMATS.map((format) => ({ server, format, collector: new Collector() })),
  );
  for (let round = -1; round < ROUNDS; round += 1) {
    // Each round the other way round, so that neither format is always the first.
    for (const { server, format, collector } of round % 2 === 0 ? measured : measured.toReversed()) {
      const result = await runRound(server, clients, format, round);
      if (round >= 0) collector.add(result);
    }
  }
  return measured.map(({ server, format, collector }) => ({
    clients,
    server: server.name,
    format: format.name,
    figures: collector.figures(),
  }));
}

const rows: Row[] = [];
const honours = new Map<string, boolean>();
await withServers(MODEL, process.argv.slice(2), async (servers) => {
  for (const server of servers) honours.set(server.name, await honoursSchemas(server));
  for (const clients of CLIENTS) rows.push(...(await measure(servers, clients)));
});

function share(row: Row): string {
  const free = rows.find(
    (each) => each.clients === row.clients && each.server === row.server && each.format === 'none',
  );
  if (row === free || free === undefined) return '';
  return `${((row.figures.tokensPerSecond / free.figures.tokensPerSecond) * 100).toFixed(0)} %`;
}

await publish(
  'constrained',
  {
    model: MODEL,
    rounds: ROUNDS,
    tokens: TOKENS,
    honours: Object.fromEntries(honours),
    rows,
  },
  [
    {
      title: '',
      heading: [
        'clients',
        'server',
        'format',
        'tok/s',
        'of its own without',
        'TTFT ms p50',
        'p99',
        'failed',
        'honours schemas',
      ],
      rows: rows.map((row) => [
        String(row.clients),
        row.server,
        row.format,
        String(row.figures.tokensPerSecond),
        share(row),
        row.figures.firstTokenMsP50.toFixed(1),
        row.figures.firstTokenMsP99.toFixed(1),
        String(row.figures.failed),
        honours.get(row.server) === true ? 'yes' : 'no',
      ]),
    },
  ],
);
