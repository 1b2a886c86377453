import type { DoctorDocument } from '@mlxfleet/protocol';

/** One thing that doctor looked at. */
export type Finding = DoctorDocument['local'][number];

export function ok(check: string, detail: string): Finding {
  return { check, result: 'ok', detail, advice: null };
}

/** Works, but will bite one day. */
export function warn(check: string, detail: string, advice: string): Finding {
  return { check, result: 'warn', detail, advice };
}

/** A deploy would not succeed. */
export function fail(check: string, detail: string, advice: string): Finding {
  return { check, result: 'fail', detail, advice };
}
