import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { LocalHost } from '../hosts/local-host.ts';
import { runJsonScript } from './run-script.ts';
import { type RemoteScript, script } from './script.ts';

const host = new LocalHost('here');

/** A script of lib.sh with a main of the test's own. */
function withMain(main: string, variables: Readonly<Record<string, string>>): RemoteScript {
  const remote = script(['lib'], { ROOT: '~/x', ...variables });
  return {
    ...remote,
    text: remote.text.replace('{ main; exit; }', `main() {\nscript_begin\n${main}\n}\n{ main; exit; }`),
  };
}

async function messages(remote: RemoteScript): Promise<Readonly<Record<string, unknown>>[]> {
  const found: Readonly<Record<string, unknown>>[] = [];
  await runJsonScript(host, remote, (message) => found.push(message));
  return found;
}

test('any text becomes a JSON string', async () => {
  const texts = fc.array(fc.string({ unit: 'binary', maxLength: 60 }), { minLength: 20, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(texts, async (raw) => {
      // A shell cannot hold NUL and drops line feeds at the end of what a command prints.
      const values = raw.map((text) => text.toWellFormed().replaceAll('\0', '').replace(/\n+$/, ''));
      const lines = values.map(
        (_, index) => `json_new; json_text value "$VALUE_${String(index)}"; json_send`,
      );
      const variables = Object.fromEntries(values.map((text, index) => [`VALUE_${String(index)}`, text]));
      expect(await messages(withMain(lines.join('\n'), variables))).toEqual(
        values.map((value) => ({ value })),
      );
    }),
    { numRuns: 5 },
  );
});

test('numbers, flags and nulls', async () => {
  const remote = withMain(
    `json_new; json_number many 12; json_number none ''; json_flag yes true; json_flag no [ 1 = 2 ]
     json_text_or_null empty ''; json_send`,
    {},
  );
  expect(await messages(remote)).toEqual([{ many: 12, none: null, yes: true, no: false, empty: null }]);
});

test('the root may begin with a tilde, and free space is told for a path that is not there yet', async () => {
  const remote = withMain(
    'json_new; json_text root "$ROOT"; json_number free "$(free_bytes "$ROOT")"; json_send',
    {
      ROOT: '~/not/there',
    },
  );
  const [answer] = await messages(remote);
  expect(answer?.['root']).toBe(`${process.env['HOME'] ?? ''}/not/there`);
  expect(answer?.['free']).toBeGreaterThan(0);
});
