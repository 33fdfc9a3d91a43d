import { describeReplicaConformance } from '../../conformance/replica-conformance.ts';
import { availableBackends } from '../../native/backends.ts';
import { folderSetting } from './folder-setting.ts';

for (const backend of availableBackends())
  describeReplicaConformance(`folder (${backend})`, () => folderSetting(backend));
