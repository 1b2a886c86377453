import { chatRequestSchema } from '@mlxfleet/protocol';
import { describe, expect, test } from 'vitest';
import { frames, type GenerationPlan } from '../../../answering/generation-plan.ts';
import { chatPlan } from './chat-plan.ts';

function plan(more: Readonly<Record<string, unknown>>): GenerationPlan {
  const body = chatRequestSchema.parse({ model: 'm', messages: [{ role: 'user', content: 'a' }], ...more });
  return chatPlan(body, 'normal');
}

/** What the worker is asked. */
function frame(more: Readonly<Record<string, unknown>>) {
  return frames(plan(more), 'id', null)[0];
}

const TOOL = {
  type: 'function',
  function: { name: 'f', description: 'does it', parameters: { type: 'object' }, strict: true },
};
const FORMAT = {
  type: 'json_schema',
  json_schema: { name: 'n', schema: { type: 'object' } },
};
const CONSTRAINT = { kind: 'json_schema', schema: { type: 'object' } };

describe('what the worker is asked for', () => {
  test('nothing special', () => {
    expect(frame({})).toEqual({
      type: 'generate',
      id: 'id-0',
      prompt: {
        kind: 'chat',
        messages: [{ role: 'user', content: 'a' }],
        tools: [],
        template_options: {},
        media: [],
        param: 'messages',
      },
      max_tokens: null,
      sampling: {
        temperature: 1,
        top_p: 1,
        top_k: 0,
        min_p: 0,
        repetition_penalty: 1,
        presence_penalty: 0,
        frequency_penalty: 0,
        logit_bias: {},
        seed: null,
      },
      stop: [],
      logprobs: null,
      constraint: null,
      tool_choice: 'none',
      parallel_tool_calls: true,
      cache_scope: null,
    });
  });

  test.each<[object, object]>([
    [{ max_tokens: 5 }, { max_tokens: 5 }],
    [{ max_tokens: 5, max_completion_tokens: 7 }, { max_tokens: 7 }],
    [{ stop: 'a' }, { stop: ['a'] }],
    [{ stop: ['a', 'b'] }, { stop: ['a', 'b'] }],
    [
      { temperature: 0.5, top_p: 0.9, top_k: -1, min_p: 0.1, seed: -3 },
      { sampling: { temperature: 0.5, top_p: 0.9, top_k: 0, min_p: 0.1, seed: -3 } },
    ],
    [
      { presence_penalty: 1, frequency_penalty: -1, repetition_penalty: 2, logit_bias: { 5: -100 } },
      {
        sampling: {
          presence_penalty: 1,
          frequency_penalty: -1,
          repetition_penalty: 2,
          logit_bias: { 5: -100 },
        },
      },
    ],
    [{ logprobs: true }, { logprobs: 0 }],
    [{ logprobs: true, top_logprobs: 20 }, { logprobs: 20 }],
    [{ logprobs: false, top_logprobs: 0 }, { logprobs: null }],
    [{ response_format: { type: 'text' } }, { constraint: null }],
    [{ response_format: { type: 'json_object' } }, { constraint: { kind: 'json_object' } }],
    [{ response_format: FORMAT }, { constraint: CONSTRAINT }],
    [
      { response_format: { ...FORMAT, json_schema: { ...FORMAT.json_schema, strict: true } } },
      { constraint: CONSTRAINT },
    ],
    [
      { parallel_tool_calls: false, tools: [TOOL] },
      { parallel_tool_calls: false, tool_choice: 'auto' },
    ],
    [{ tools: [TOOL] }, { tool_choice: 'auto', prompt: { tools: [TOOL] } }],
    [
      { tools: [TOOL], tool_choice: 'none' },
      { tool_choice: 'none', prompt: { tools: [TOOL] } },
    ],
    [{ tools: [TOOL], tool_choice: 'required' }, { tool_choice: 'required' }],
    [
      { tools: [TOOL], tool_choice: { type: 'function', function: { name: 'f' } } },
      { tool_choice: { name: 'f' } },
    ],
    [
      {
        tools: [
          { type: 'function', function: { name: 'g', description: null, parameters: null, strict: null } },
        ],
      },
      { prompt: { tools: [{ type: 'function', function: { name: 'g' } }] } },
    ],
    [{ tools: [], tool_choice: 'auto' }, { tool_choice: 'none' }],
  ])('%j', (request, expected) => {
    expect(frame({ ...request })).toMatchObject(expected);
  });

  test.each([
    ['auto', CONSTRAINT],
    ['none', CONSTRAINT],
    // An answer that has to be a call has no text for the format to be about.
    ['required', null],
    [{ type: 'function', function: { name: 'f' } }, null],
  ])('a format together with tools and the choice %j', (choice, constraint) => {
    const request = { tools: [TOOL], tool_choice: choice, response_format: FORMAT };
    expect(plan(request).constraint).toEqual(constraint);
  });
});

test('two tools of one name are refused', () => {
  expect(() => plan({ tools: [TOOL, TOOL] })).toThrow(
    expect.objectContaining({
      param: 'tools.1.function.name',
      message: "'tools.1.function.name': another tool has this name.",
    }),
  );
});

describe('variables of the template', () => {
  test.each<[object, object]>([
    [{ reasoning_effort: 'none' }, { reasoning_effort: 'none' }],
    [{ reasoning_effort: 'high' }, { reasoning_effort: 'high' }],
    [{ enable_thinking: false }, { enable_thinking: false }],
    [
      { reasoning_effort: 'high', enable_thinking: false },
      { reasoning_effort: 'high', enable_thinking: false },
    ],
    [
      {
        reasoning_effort: 'low',
        enable_thinking: false,
        chat_template_kwargs: { enable_thinking: true, x: [1] },
      },
      { reasoning_effort: 'low', enable_thinking: true, x: [1] },
    ],
  ])('%j', (request, variables) => {
    expect(frame({ ...request })?.prompt).toHaveProperty('template_options', variables);
  });
});
