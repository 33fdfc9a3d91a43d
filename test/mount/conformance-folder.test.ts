import { DRIVE_WAYS } from './capabilities.ts';
import { describeConformance } from './conformance.ts';

await describeConformance('folder', DRIVE_WAYS['folder']);
