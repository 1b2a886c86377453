import type { StepOutput, ToolCallDelta } from '@mlxfleet/protocol';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AnswerBlock, AnswerBlocks, type BlockListener } from './answer-blocks.ts';

function step(output: Partial<StepOutput>): StepOutput {
  return { id: 'a', text: '', tokens: [], ...output };
}

function logprob(token: string): NonNullable<StepOutput['logprobs']>[number] {
  return { token, bytes: [], logprob: -1, top_logprobs: [] };
}

/** What the listener is told, in short. */
function tell(outputs: readonly Partial<StepOutput>[], isWhole = true): string[] {
  const told: string[] = [];
  const listener: BlockListener = {
    opened: (place, { kind }) => told.push(`${String(place)} ${kind}`),
    grown: (place, _, text, logprobs) =>
      told.push(`${String(place)} +${JSON.stringify(text)}${'*'.repeat(logprobs.length)}`),
    closed: (place, _, whole) => told.push(`${String(place)} ${whole ? 'closed' : 'cut'}`),
  };
  const blocks = new AnswerBlocks(listener);
  for (const output of outputs) blocks.take(step(output));
  blocks.end(isWhole);
  return told;
}

const call = (index: number, args: string, id?: string): ToolCallDelta => ({
  index,
  arguments: args,
  ...(id === undefined ? {} : { id, name: `f-${id}` }),
});

describe('blocks of an answer', () => {
  test.each<[string, Partial<StepOutput>[], boolean, string[]]>([
    ['nothing', [{}], true, []],
    ['text', [{ text: 'a' }, {}, { text: 'b' }], true, ['0 text', '0 +"a"', '0 +"b"', '0 closed']],
    ['text that is cut off', [{ text: 'a' }], false, ['0 text', '0 +"a"', '0 cut']],
    [
      'reasoning, then text',
      [{ reasoning: 'r' }, { reasoning: 's', text: 'a' }],
      true,
      ['0 reasoning', '0 +"r"', '0 +"s"', '0 closed', '1 text', '1 +"a"', '1 closed'],
    ],
    [
      'blanks before text belong to it',
      [{ reasoning: 'r' }, { text: '\n' }, { text: '\n' }, { text: 'a' }],
      true,
      ['0 reasoning', '0 +"r"', '0 closed', '1 text', '1 +"\\n\\na"', '1 closed'],
    ],
    [
      'blanks before a call are dropped',
      [{ reasoning: 'r' }, { text: '\n\n' }, { tool_calls: [call(0, '{}', 'x')] }],
      true,
      ['0 reasoning', '0 +"r"', '0 closed', '1 call', '1 +"{}"', '1 closed'],
    ],
    ['blanks at the end are text', [{ text: ' ' }], true, ['0 text', '0 +" "', '0 closed']],
    [
      'calls one after the other',
      [
        { text: 'a', tool_calls: [call(0, '', 'x')] },
        { tool_calls: [call(0, '{"a":'), call(0, '1}'), call(1, '{}', 'y')] },
      ],
      true,
      ['0 text', '0 +"a"', '0 closed', '1 call', '1 +"{\\"a\\":"', '1 +"1}"', '1 closed'].concat([
        '2 call',
        '2 +"{}"',
        '2 closed',
      ]),
    ],
    [
      'text after a call is a block of its own',
      [{ text: 'a' }, { tool_calls: [call(0, '{}', 'x')] }, { text: 'b' }],
      true,
      ['0 text', '0 +"a"', '0 closed', '1 call', '1 +"{}"', '1 closed', '2 text', '2 +"b"', '2 closed'],
    ],
    [
      'log-probabilities may come before and after their text',
      [{ logprobs: [logprob('a')] }, { text: 'ab', logprobs: [logprob('b')] }, { logprobs: [logprob('c')] }],
      true,
      ['0 text', '0 +"ab"**', '0 +""*', '0 closed'],
    ],
  ])('%s', (_, outputs, isWhole, expected) => {
    expect(tell(outputs, isWhole)).toEqual(expected);
  });

  test('nothing of an answer is lost, in whatever pieces it comes', () => {
    const word = fc.constantFrom('', 'a', ' ', '\n', 'é');
    const output = fc.record({ reasoning: word, text: word });
    fc.assert(
      fc.property(fc.array(output, { maxLength: 30 }), (outputs) => {
        const blocks = new AnswerBlocks();
        for (const each of outputs) blocks.take(step(each));
        blocks.end(true);
        const joined = (kind: AnswerBlock['kind']): string =>
          blocks.blocks.flatMap((block) => (block.kind === kind ? [block.text] : [])).join('');
        expect(joined('reasoning')).toBe(outputs.map(({ reasoning }) => reasoning).join(''));
        // Blanks between two stretches of reasoning are dropped as those before a call are.
        expect(joined('text').replaceAll(/\s/g, '')).toBe(
          outputs
            .map(({ text }) => text)
            .join('')
            .replaceAll(/\s/g, ''),
        );
      }),
    );
  });
});
