import { documentPart, imagePart, type MessageContent, textPart } from '../message-content.ts';
import type { BenchServer } from '../peer-server.ts';
import type { ResultTable } from '../report.ts';
import { median } from '../statistics.ts';
import { type Answer, ask } from './ask.ts';
import { newPictures } from './pictures.ts';

const ANSWER_TOKENS = 8;
/** Images that our agent takes in a request unless its configuration says more. */
const MANY = 5;
/** Pages of documents that it takes in a request unless its configuration says more. */
const PAGES = 20;
/** Dots per inch at which it draws them, unless it is told. */
const PAGE_DPI = 144;

interface Row {
  readonly request: string;
  readonly server: string;
  readonly firstTokenMs: number;
  readonly totalMs: number;
  readonly promptTokens: number;
}

interface Request {
  readonly name: string;
  readonly content: (server: BenchServer) => MessageContent;
}

/** The requests of one round, in their order: what is asked again comes right after what was asked first. */
function requestsOfRound(): Request[] {
  const one = newPictures(1).map(imagePart);
  const many = newPictures(MANY).map(imagePart);
  const pages = newPictures(PAGES);
  const images = pages.map(imagePart);
  const document = documentPart(pages, PAGE_DPI);
  return [
    { name: 'one image', content: () => [...one, textPart('What do you see?')] },
    { name: 'the same image, another question', content: () => [...one, textPart('Is it bright?')] },
    { name: `${String(MANY)} images`, content: () => [...many, textPart('Which is the brightest?')] },
    {
      name: `${String(PAGES)} pages of a PDF`,
      // The other server knows no documents: it is shown the pages as images, which somebody has drawn for it.
      content: ({ name }) => [
        ...(name === 'mlxfleet' ? [document] : images),
        textPart('What is on the last page?'),
      ],
    },
    {
      name: 'the same PDF, another question',
      content: ({ name }) => [
        ...(name === 'mlxfleet' ? [document] : images),
        textPart('What is on the first page?'),
      ],
    },
  ];
}

/** Requests of one client that has the server to itself; a round to warm up, then servers in turn. */
export async function measureSingle(servers: readonly BenchServer[], rounds: number): Promise<Row[]> {
  const given: Array<Answer & { readonly request: string; readonly server: string }> = [];
  for (let round = -1; round < rounds; round += 1) {
    const requests = requestsOfRound();
    for (const server of servers) {
      for (const { name, content } of requests) {
        const answer = await ask(server, content(server), ANSWER_TOKENS);
        if (round >= 0) given.push({ ...answer, request: name, server: server.name });
      }
    }
  }
  const requests = [...new Set(given.map(({ request }) => request))];
  return requests.flatMap((request) =>
    servers.map(({ name: server }) => {
      const answers = given.filter((answer) => answer.request === request && answer.server === server);
      return {
        request,
        server,
        firstTokenMs: median(answers.map(({ firstTokenMs }) => firstTokenMs)),
        totalMs: median(answers.map(({ totalMs }) => totalMs)),
        promptTokens: median(answers.map(({ promptTokens }) => promptTokens)),
      };
    }),
  );
}

export function singleTable(rows: readonly Row[], rounds: number): ResultTable {
  return {
    title: `one request at a time, ${String(ANSWER_TOKENS)} new tokens, medians of ${String(rounds)} rounds`,
    heading: ['request', 'server', 'prompt tokens', 'TTFT ms', 'whole answer, ms'],
    rows: rows.map(({ request, server, promptTokens, firstTokenMs, totalMs }) => [
      request,
      server,
      String(promptTokens),
      firstTokenMs.toFixed(0),
      totalMs.toFixed(0),
    ]),
  };
}
