import path from 'node:path';
import { checkout } from '../../../scripts/lib/paths.ts';

/** The tools that a deploy is measured beside. */
export const deployRequirements = path.join(checkout, 'bench', 'requirements-deploy.txt');

export const deployLock = path.join(checkout, 'bench', 'requirements-deploy-lock.txt');
