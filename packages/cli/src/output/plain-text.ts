// Hosts, models and log files are foreign: what they say must not move the cursor, change the title or colour of a
// terminal, or reverse the reading direction.

/** Escape sequences with their parameters: CSI, OSC (to its terminator), and two-character ones. */
const ESCAPE_SEQUENCE =
  // oxlint-disable-next-line no-control-regex -- control characters are what this looks for
  /\u001B(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)?|[P^_X][^\u001B]*(?:\u001B\\)?|[ -/]*[0-~])|\u009B[0-?]*[ -/]*[@-~]/g;

// oxlint-disable-next-line no-control-regex -- control characters are what this looks for
const CONTROL_EXCEPT_TAB_AND_LINE_FEED = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g;

const BIDIRECTIONAL_OVERRIDES = /[\u202A-\u202E\u2066-\u2069]/g;

/** Foreign text that may have several lines, without anything that a terminal would act on. */
export function plainText(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replaceAll(ESCAPE_SEQUENCE, '')
    .replaceAll(CONTROL_EXCEPT_TAB_AND_LINE_FEED, '')
    .replaceAll(BIDIRECTIONAL_OVERRIDES, '');
}

/** Foreign text as one line: line feeds and tabs become spaces. */
export function plainLine(text: string): string {
  return plainText(text)
    .replaceAll(/[\n\t]+/g, ' ')
    .trim();
}
