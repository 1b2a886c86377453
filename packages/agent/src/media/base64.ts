const SPACE = 0x20;
const TAB = 0x09;
const CARRIAGE_RETURN = 0x0d;
const EQUALS = 0x3d;

/** Bytes that a base64 text without blanks stands for: known before any is decoded. */
export function base64Bytes(text: string): number {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  return Math.floor(((text.length - padding) * 3) / 4);
}

/** The same of a text that may have line breaks, as MIME writes it: each of its characters is looked at. */
export function base64BytesWithoutBlanks(text: string): number {
  let characters = 0;
  let padding = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (isBlank(code)) continue;
    characters += 1;
    padding = code === EQUALS ? padding + 1 : 0;
  }
  return Math.floor(((characters - padding) * 3) / 4);
}

/** The bytes of a base64 text, of either alphabet, with or without padding and line breaks; null for what is none. */
export function decodeBase64(text: string): Buffer | null {
  const decoded = decodeWhole(text);
  // Only what is not in one line, or is wrong, is gone through once more.
  return decoded ?? (/\s/.test(text) ? decodeWhole(text.replaceAll(/\s+/g, '')) : null);
}

/** Node skips what is no base64: then there are fewer bytes than the length of the text stands for. */
function decodeWhole(text: string): Buffer | null {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const rest = (text.length - padding) % 4;
  const isComplete = padding === 0 ? rest !== 1 : (rest + padding) % 4 === 0;
  if (!isComplete) return null;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === base64Bytes(text) ? bytes : null;
}

function isBlank(code: number): boolean {
  return code === SPACE || (code >= TAB && code <= CARRIAGE_RETURN);
}
