/** What the APIs that are served call one and the same part of a message. */
const PART_NAMES = [
  ['text', 'input_text', 'output_text'],
  ['image_url', 'input_image', 'image'],
  ['file', 'input_file', 'document'],
] as const;

/**
 * What a part that another API has is called here.
 * @param type of the part, as it was sent.
 * @param types that parts may have here.
 */
export function nameHere(type: unknown, types: readonly unknown[]): string | null {
  const names = PART_NAMES.find((each) => each.some((name) => name === type));
  return names?.find((name) => types.includes(name)) ?? null;
}

/** Whether a part of this type shows something, in whatever API. */
export function isShown(type: unknown): boolean {
  const [, ...shown] = PART_NAMES;
  return shown.flat().some((name) => name === type);
}
