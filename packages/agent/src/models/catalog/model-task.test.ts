import { expect, test } from 'vitest';
import { modelTask, type ModelTask } from './model-task.ts';

const POOLED = [
  { idx: 0, type: 'sentence_transformers.models.Transformer' },
  { idx: 1, type: 'sentence_transformers.models.Pooling', path: '1_Pooling' },
];

test.each<[string, unknown, unknown, boolean, ModelTask]>([
  ['a chat model', { model_type: 'qwen3', architectures: ['Qwen3ForCausalLM'] }, null, false, 'generate'],
  ['an encoder by its type', { model_type: 'bert', architectures: ['BertModel'] }, null, false, 'embed'],
  ['by its architecture alone', { architectures: ['NomicBertModel'] }, null, false, 'embed'],
  ['trained to fill gaps', { architectures: ['ModernBertForMaskedLM'] }, null, false, 'embed'],
  ['XLM-R', { model_type: 'xlm-roberta', architectures: ['XLMRobertaModel'] }, null, false, 'embed'],
  [
    'a decoder that pools',
    { model_type: 'qwen3', architectures: ['Qwen3ForCausalLM'] },
    POOLED,
    false,
    'embed',
  ],
  ['a folder for pooling', { model_type: 'qwen3' }, null, true, 'embed'],
  ['modules without pooling', { model_type: 'llama' }, POOLED.slice(0, 1), false, 'generate'],
  ['no configuration', null, null, false, 'generate'],
  ['nonsense', { model_type: 5, architectures: 'BertModel' }, { type: 'x.Pooling' }, false, 'generate'],
])('%s', (_, config, modules, hasPooling, task) => {
  expect(modelTask({ config, modules, hasPooling, hasVisionTower: false })).toBe(task);
});

test.each<[string, unknown, unknown, ModelTask]>([
  ['generates where its weights can see', { model_type: 'qwen2_vl' }, null, 'vision'],
  ['that pools gives vectors', { model_type: 'qwen2_vl' }, POOLED, 'embed'],
])('a model with a vision tower %s', (_, config, modules, task) => {
  expect(modelTask({ config, modules, hasPooling: false, hasVisionTower: true })).toBe(task);
});
