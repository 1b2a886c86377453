import { isDeepStrictEqual } from 'node:util';
import { UNSUPPORTED_NOTES } from '@mlxfleet/protocol';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';

/**
 * Refuses options that cannot be honoured.
 * @param unsupported option name to the values that ask for nothing and so pass.
 * @throws ApiError UNSUPPORTED_PARAMETER that names the option.
 */
export function refuseOptions(
  body: Readonly<Record<string, unknown>>,
  unsupported: Readonly<Record<string, readonly unknown[]>>,
): void {
  for (const [option, harmless] of Object.entries(unsupported)) {
    const value = body[option];
    if (value === undefined || value === null) continue;
    if (harmless.some((each) => isDeepStrictEqual(each, value))) continue;
    const note = UNSUPPORTED_NOTES[option];
    const wish = note === undefined ? '' : `: it asks for ${note}`;
    throw new ApiError(
      API_ERRORS.UNSUPPORTED_PARAMETER,
      `'${option}' is not supported with this value${wish}.`,
      { param: option },
    );
  }
}
