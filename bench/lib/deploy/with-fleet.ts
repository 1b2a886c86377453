import { ensureWheelhouse } from '../../../scripts/lib/wheelhouse.ts';
import { Fleet } from '../../../test/e2e/fleet/fleet.ts';
import { Distances } from './distances.ts';

/** Makes hosts that see the wheels, and the distances to them, for as long as `measure` takes. */
export async function withFleet<Result>(
  hosts: readonly string[],
  measure: (fleet: Fleet, distances: Distances) => Promise<Result>,
): Promise<Result> {
  const wheels = await ensureWheelhouse();
  const fleet = await Fleet.create({ hosts, shared: { wheels } });
  try {
    const distances = await Distances.create(fleet);
    try {
      return await measure(fleet, distances);
    } finally {
      await distances.close();
    }
  } finally {
    await fleet.destroy();
  }
}
