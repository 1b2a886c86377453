import { field } from '../field.ts';

/** A model that has to answer, and what it is shown. */
export interface SmokeTest {
  readonly model: string;
  readonly withImage: boolean;
  /**
   * What it is left out for, when it does not answer: what says nothing of the release. `never` where the operator counts on it
   * whatever comes, `no-room` where the host may be too small for it or lack the vision environment, `no-load` for one that
   * merely lies on the disk, whose files may be incomplete: then the next one of its kind is asked.
   */
  readonly leftOut: 'never' | 'no-room' | 'no-load';
}

/** What is asked: each of `all`, and of `oneOf` one after the other until the first that answers. */
export interface SmokePlan {
  readonly all: readonly SmokeTest[];
  readonly oneOf: readonly SmokeTest[];
}

/** What a model is for, by the answer of `GET /admin/models`; null while that is not known. */
export function taskOf(models: readonly unknown[], id: string): unknown {
  return field(
    models.find((model) => field(model, 'id') === id),
    'task',
  );
}

/**
 * Models that nobody listed are tried up to so many: each may take minutes to fail, and what is wrong with them is not
 * the release's.
 */
const UNLISTED_TRIES = 3;

/**
 * Which models have to answer before a release counts. The named one, or else the first text model that the configuration
 * lists and the host has; embedding models stand among them. Beside it also the first vision model that the configuration
 * lists: what reads images has an environment and libraries of its own, which no text model tries. What merely lies on
 * the disk is asked only where nothing that is listed can be, and nobody counts on it: it may be half copied, or too large.
 */
export function planSmokeTests(models: readonly unknown[], named: string | null): SmokePlan {
  const ids = (task: string, isListed: boolean): string[] =>
    models
      .filter((model) => field(model, 'present') === true && field(model, 'task') === task)
      .filter((model) => (field(model, 'configured') === true) === isListed)
      .map((model) => field(model, 'id'))
      .filter((id) => typeof id === 'string');
  const text = named ?? ids('generate', true)[0] ?? null;
  if (text !== null && taskOf(models, text) === 'vision') {
    return { all: [{ model: text, withImage: true, leftOut: 'never' }], oneOf: [] };
  }
  const [seeing] = ids('vision', true);
  const all: SmokeTest[] = [
    ...(text === null ? [] : [{ model: text, withImage: false, leftOut: 'never' as const }]),
    ...(seeing === undefined ? [] : [{ model: seeing, withImage: true, leftOut: 'no-room' as const }]),
  ];
  if (all.length > 0) return { all, oneOf: [] };
  const unlisted = (task: string, withImage: boolean): SmokeTest[] =>
    ids(task, false).map((model) => ({ model, withImage, leftOut: 'no-load' }));
  const oneOf = [...unlisted('generate', false), ...unlisted('vision', true)].slice(0, UNLISTED_TRIES);
  return { all, oneOf };
}

/** A model that is not asked, and why. */
export interface Omission {
  readonly model: string;
  readonly reason: string;
}

/**
 * Models that the configuration lists and that are not on the host, nor fetched by it: nothing else of a deploy would say
 * so. The named one is asked, and says it itself.
 */
export function missingModels(models: readonly unknown[], named: string | null): Omission[] {
  return models.flatMap((each) => {
    const [model, reason] = [field(each, 'id'), field(each, 'missing')];
    if (field(each, 'configured') !== true || model === named) return [];
    return typeof model === 'string' && typeof reason === 'string' ? [{ model, reason }] : [];
  });
}
