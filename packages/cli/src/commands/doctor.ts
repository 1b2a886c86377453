import { type DoctorDocument, JSON_SCHEMA_VERSION } from '@mlxfleet/protocol';
import { examineHost } from '../doctor/examine-host.ts';
import type { Finding } from '../doctor/finding.ts';
import { localFindings } from '../doctor/local-findings.ts';
import { EXIT } from '../exit-codes.ts';
import type { Colour } from '../output/colours.ts';
import type { Output } from '../output/output.ts';
import { plainLine } from '../output/plain-text.ts';
import { pad, textWidth, wrap } from '../output/text-width.ts';
import { type CommandContext, selectionOf } from './command-context.ts';
import { withTargets } from './with-targets.ts';

export interface DoctorOptions {
  readonly acceptNew?: boolean;
}

const LOOKS: Readonly<Record<Finding['result'], { glyph: string; colour: Colour }>> = {
  ok: { glyph: '✔', colour: 'green' },
  warn: { glyph: '!', colour: 'yellow' },
  fail: { glyph: '✖', colour: 'red' },
};

function findingLines(output: Output, findings: readonly Finding[]): string[] {
  const width = Math.max(0, ...findings.map(({ check }) => textWidth(check)));
  const margin = ' '.repeat(width + 6);
  const room = Math.max(20, output.columns - margin.length);
  return findings.flatMap(({ check, result, detail, advice }) => {
    const { glyph, colour } = LOOKS[result];
    const [first = '', ...rest] = wrap(plainLine(detail), room);
    const advised = advice === null ? [] : wrap(`→ ${plainLine(advice)}`, room);
    return [
      `  ${output.paint(colour, glyph)} ${pad(check, width)}  ${first}`,
      ...rest.map((line) => margin + line),
      ...advised.map((line) => margin + output.paint('cyan', line)),
    ];
  });
}

/** `mlxfleet doctor`. Exit code 0 without a failed check, 4 when no host was reached, else 1. */
export async function runDoctor(
  context: CommandContext,
  names: readonly string[],
  options: DoctorOptions,
): Promise<number> {
  const { output, signal, env } = context;
  const selection = await selectionOf(context, names);
  const hasSshHosts = selection.selected.some((host) => host.connection === 'ssh');
  const local = await localFindings(env['PATH'] ?? '', hasSshHosts);
  const acceptNew = options.acceptNew === true;
  const hosts = await withTargets(context, selection, { acceptNew }, async (targets) =>
    Promise.all(
      targets.map(async (target) => ({
        name: target.settings.name,
        findings: await examineHost(target, signal),
      })),
    ),
  );

  const document: DoctorDocument = { schemaVersion: JSON_SCHEMA_VERSION, local, hosts };
  if (output.json) {
    output.document(document);
  } else {
    for (const { name, findings } of [{ name: 'this machine', findings: local }, ...hosts]) {
      output.print(output.paint('bold', name));
      output.print(findingLines(output, findings).join('\n'));
    }
  }
  const failed = [...local, ...hosts.flatMap(({ findings }) => findings)].some(
    ({ result }) => result === 'fail',
  );
  const reached = hosts.filter(({ findings }) => findings[0]?.result === 'ok');
  if (hosts.length > 0 && reached.length === 0) return EXIT.unreachable;
  return failed ? EXIT.failed : EXIT.done;
}
