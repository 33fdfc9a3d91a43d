import { DRIVE_WAYS } from './capabilities.ts';
import { describeConformance } from './conformance.ts';

await describeConformance('native', DRIVE_WAYS['native']);
