import { describeReplicaConformance } from '../../conformance/replica-conformance.ts';
import { openDriveOnDisk, programsOn } from '../../support/drive-on-disk.ts';

describeReplicaConformance('drive that keeps all content', async () => {
  const { drive, close } = await openDriveOnDisk({ onDemand: false });
  return {
    replica: drive.replica,
    outside: programsOn(drive),
    settle: async () => {},
    close,
  };
});
