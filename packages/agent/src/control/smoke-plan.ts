import { field } from '../field.ts';

/** A model that has to answer, and what it is shown. */
export interface SmokeTest {
  readonly model: string;
  readonly withImage: boolean;
  /**
   * Whether it is left out where the host cannot load it: that says nothing of the release. One that the operator named, and
   * the text model, have to answer whatever comes.
   */
  readonly mayBeLeftOut: boolean;
}

/** What a model is for, by the answer of `GET /admin/models`; null while that is not known. */
export function taskOf(models: readonly unknown[], id: string): unknown {
  return field(
    models.find((model) => field(model, 'id') === id),
    'task',
  );
}

/**
 * Which models have to answer before a release counts. The named one, or else the first on the host that generates text:
 * embedding models stand among them, and a host may have no others. Beside a text model also the first vision model that the
 * configuration names: what reads images has an environment and libraries of its own, which no text model tries. A model
 * that merely lies on the disk may be too large for the host, and nobody counts on it.
 */
export function planSmokeTests(models: readonly unknown[], named: string | null): SmokeTest[] {
  const first = (task: string, isWanted: (model: unknown) => boolean = () => true): string | null => {
    const found = models.find(
      (model) => field(model, 'present') === true && field(model, 'task') === task && isWanted(model),
    );
    const id = field(found, 'id');
    return typeof id === 'string' ? id : null;
  };
  const text = named ?? first('generate');
  const seeing =
    first('vision', (model) => field(model, 'configured') === true) ??
    (text === null ? first('vision') : null);
  if (text !== null && taskOf(models, text) === 'vision') {
    return [{ model: text, withImage: true, mayBeLeftOut: false }];
  }
  return [
    ...(text === null ? [] : [{ model: text, withImage: false, mayBeLeftOut: false }]),
    ...(seeing === null ? [] : [{ model: seeing, withImage: true, mayBeLeftOut: true }]),
  ];
}
