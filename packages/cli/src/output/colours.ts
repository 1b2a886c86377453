import { styleText } from 'node:util';

export type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold';

/** Paints a text, or leaves it alone where colour is not wanted. */
export type Paint = (colour: Colour, text: string) => string;

export function painter(enabled: boolean): Paint {
  if (!enabled) return (_colour, text) => text;
  return (colour, text) => styleText(colour, text, { validateStream: false });
}

/** What decides about colour. */
export interface ColourWish {
  readonly isTerminal: boolean;
  /** `--no-color` was given. */
  readonly refused: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Colour is for terminals, unless the person or NO_COLOR (see no-color.org) refuses it. */
export function wantsColour(wish: ColourWish): boolean {
  const noColour = wish.env['NO_COLOR'];
  if (wish.refused || (noColour !== undefined && noColour !== '') || wish.env['TERM'] === 'dumb')
    return false;
  return wish.isTerminal;
}
