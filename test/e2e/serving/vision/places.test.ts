import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AgentProcess, startAgent } from '../../../support/agent-process.ts';
import { makeFiles, type MadeFile } from './made-files.ts';
import { completion, image, MODEL, pdf, picture, processesOf, shown, text } from './requests.ts';

let file: MadeFile;
/** What is said from the first place, and has to be from every other. */
let said: unknown;
const agents: AgentProcess[] = [];
const folders: string[] = [];

beforeAll(async () => {
  file = await makeFiles();
  said = await answer(await started('/'));
});
afterAll(async () => {
  for (const agent of agents) await agent.stop();
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

async function started(cwd: string): Promise<AgentProcess> {
  const agent = await startAgent({ models: [MODEL], cwd });
  agents.push(agent);
  return agent;
}

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'mlxfleet-place-'));
  folders.push(folder);
  return folder;
}

/** Of an image and a document: the worker and the decoder are started for it. */
async function answer(agent: AgentProcess): Promise<unknown> {
  const request = shown(text('What?'), image(picture(1)), pdf(file('report.pdf'), '1-2'));
  const { choices, usage } = await completion(agent, request);
  expect(usage.prompt_tokens_details.image_tokens).toBeGreaterThan(0);
  return choices;
}

/** The server that this one replaces looked for its environment in a folder of this name, beside where it was started. */
function expectNoEnvironmentBeside(...places: string[]): void {
  const beside = places.flatMap((place) => [place, path.dirname(place)]);
  expect(beside.filter((place) => existsSync(path.join(place, 'venv-vision')))).toEqual([]);
}

test('from the root of the file system', async () => {
  const [agent] = agents;
  expectNoEnvironmentBeside('/', agent?.root ?? '');
  expect((await processesOf(agent?.pid ?? 0)).decoder).not.toBeNull();
});

test('from a folder that nobody but root may read', async () => {
  const folder = await newFolder();
  // It can still be entered, or no process could be started in it.
  await chmod(folder, 0o111);
  const agent = await started(folder);
  expectNoEnvironmentBeside(folder, agent.root);
  expect(await answer(agent)).toEqual(said);
});

test('from a folder that is gone when the first image comes', async () => {
  const folder = await newFolder();
  const agent = await started(folder);
  expectNoEnvironmentBeside(folder, agent.root);
  await rm(folder, { recursive: true });
  expect((await processesOf(agent.pid)).worker).toBeNull();
  // Not even root can read this one.
  expect(await answer(agent)).toEqual(said);
});
