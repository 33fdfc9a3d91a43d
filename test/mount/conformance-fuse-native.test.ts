import { DRIVE_WAYS } from './capabilities.ts';
import { describeConformance } from './conformance.ts';

await describeConformance('fuse-native', DRIVE_WAYS['fuse-native']);
