import { Fleet } from './fleet.ts';

// A run that dies in the worst way while it has a fleet; started by fleet.test.ts.
const fleet = await Fleet.create({ hosts: ['studio'] });
process.stdout.write(`${fleet.folder}\n`, () => process.kill(process.pid, 'SIGKILL'));
