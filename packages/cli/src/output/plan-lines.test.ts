import { progressEventSchema } from '@mlxfleet/protocol';
import { expect, test } from 'vitest';
import type { PlanSection } from '../phases/diff/plan-section.ts';
import { painter } from './colours.ts';
import { planEvents, planLines } from './plan-lines.ts';
import { textWidth } from './text-width.ts';

const plain = painter(false);

const sections: PlanSection[] = [
  {
    name: 'release',
    entries: [
      {
        sign: '+',
        text: 'releases/20261124T030512Z-9b1c2d3e (1.5.0)',
        details: [
          { sign: null, text: '1 changed, 1 added, 57 the same' },
          { sign: '~', text: 'agent/agent.mjs' },
          { sign: '+', text: 'worker/mlxfleet_worker/drafts.py' },
        ],
      },
    ],
  },
  {
    name: 'configuration',
    entries: [
      {
        sign: '~',
        text: 'shared/config.yaml',
        details: [
          { sign: null, text: 'api:' },
          { sign: '-', text: '  port: 11440' },
          { sign: '+', text: '  port: 11450' },
        ],
      },
    ],
  },
  {
    name: 'room',
    entries: [
      {
        sign: null,
        text: 'to send',
        details: [
          { sign: null, text: 'the release, 312 KB' },
          { sign: null, text: 'node 26.11.0, 45 MB' },
        ],
      },
    ],
  },
];

test('a plan reads as a diff', () => {
  expect(planLines('air', sections, 80, plain).join('\n')).toMatchInlineSnapshot(`
    "
    air
      release
        + releases/20261124T030512Z-9b1c2d3e (1.5.0)
            1 changed, 1 added, 57 the same
          ~ agent/agent.mjs
          + worker/mlxfleet_worker/drafts.py
      configuration
        ~ shared/config.yaml
            api:
          -   port: 11440
          +   port: 11450
      room
          to send
            the release, 312 KB
            node 26.11.0, 45 MB"
  `);
});

test('signs have colours, of the whole line', () => {
  const painted = planLines('air', sections, 80, (colour, text) => `<${colour}>${text}</>`);
  expect(painted).toContain('<red>      -   port: 11440</>');
  expect(painted).toContain('<yellow>      ~ agent/agent.mjs</>');
  expect(painted).toContain('        api:');
});

test.each([120, 80, 50])('no line is wider than %i columns, but of words that are', (columns) => {
  for (const line of planLines('air', sections, columns, plain)) {
    expect(textWidth(line)).toBeLessThanOrEqual(columns);
  }
});

test('of a long list the beginning is shown and the rest counted; events have all of it', () => {
  const details = Array.from({ length: 32 }, (_, index) => ({
    sign: '+' as const,
    text: `file ${String(index)}`,
  }));
  const long: PlanSection[] = [{ name: 'release', entries: [{ sign: '+', text: 'releases/x', details }] }];
  const lines = planLines('air', long, 80, plain);
  expect(lines.filter((line) => line.includes('file'))).toHaveLength(20);
  expect(lines.at(-1)).toBe('        and 12 more');
  expect(planEvents('air', long)[0]?.details).toHaveLength(32);
});

test('a host on which nothing would change is not mentioned', () => {
  expect(planLines('air', [], 80, plain)).toEqual([]);
  expect(planEvents('air', [])).toEqual([]);
});

test('events say the same in fields', () => {
  const time = '2026-11-24T03:05:12.000Z';
  const events = planEvents('air', sections).map((event) => progressEventSchema.parse({ time, ...event }));
  expect(events).toMatchObject([
    {
      event: 'plan',
      host: 'air',
      section: 'release',
      sign: '+',
      details: [{ sign: null }, { sign: '~' }, { sign: '+' }],
    },
    {
      section: 'configuration',
      sign: '~',
      text: 'shared/config.yaml',
      details: { 1: { text: '  port: 11440' } },
    },
    { section: 'room', sign: null, details: [{ sign: null }, { sign: null }] },
  ]);
});

test('what a host calls its files cannot move the cursor', () => {
  const hostile: PlanSection[] = [
    {
      name: 'removal',
      entries: [{ sign: '-', text: 'envs/\u001B[2Ja\nb', details: [{ sign: '-', text: '\u001B[31mx' }] }],
    },
  ];
  expect(JSON.stringify([planLines('air', hostile, 80, plain), planEvents('air', hostile)])).not.toContain(
    '\\u001b',
  );
  expect(planLines('air', hostile, 80, plain).slice(3)).toEqual(['    - envs/a b', '      - x']);
});
