/** The fields of a configured model that have to fit together. */
export interface ConfiguredModel {
  readonly id: string;
  readonly base?: string | null | undefined;
  readonly adapter?: string | null | undefined;
  readonly draft?: string | null | undefined;
  readonly draft_tokens?: number | null | undefined;
  readonly prompt_lookup?: boolean | undefined;
}

export interface ModelProblem {
  readonly index: number;
  readonly key: 'id' | 'base' | 'adapter' | 'draft' | 'draft_tokens';
  readonly message: string;
}

/** What is wrong between the models of one host, and between the settings of one of them. */
export function modelProblems(models: readonly ConfiguredModel[]): ModelProblem[] {
  const bases = new Map(models.flatMap(({ id, base }) => (base == null ? [] : [[id, base] as const])));
  const first = new Map<string, number>();
  return models.flatMap((model, index) => {
    const earlier = first.get(model.id);
    first.set(model.id, earlier ?? index);
    const problems = ownProblems(model, bases);
    if (earlier !== undefined) {
      problems.push(['id', `"${model.id}" is already listed (models[${String(earlier)}])`]);
    }
    return problems.map(([key, message]) => ({ index, key, message }));
  });
}

function ownProblems(
  model: ConfiguredModel,
  bases: ReadonlyMap<string, string>,
): [ModelProblem['key'], string][] {
  const { id, base = null, adapter = null, draft = null } = model;
  const problems: [ModelProblem['key'], string][] = [];
  if (adapter !== null && base === null) {
    problems.push(['adapter', 'an adapter needs "base", the model that it is for']);
  }
  if (base !== null && adapter === null) {
    problems.push(['base', '"base" makes an alias for an adapter: name the "adapter" too']);
  }
  for (const [key, other] of [
    ['base', base],
    ['draft', draft],
  ] as const) {
    if (other === null) continue;
    const realModel = bases.get(other);
    if (other === id) problems.push([key, `"${id}" cannot be its own ${key}`]);
    else if (realModel !== undefined) {
      problems.push([key, `"${other}" is an alias itself; the model behind it is "${realModel}"`]);
    }
  }
  if (model.draft_tokens != null && draft === null && model.prompt_lookup !== true) {
    problems.push(['draft_tokens', 'has no meaning without "draft" or "prompt_lookup: true"']);
  }
  return problems;
}
