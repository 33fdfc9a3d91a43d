import { attributeValue, OWN_ATTRIBUTES, PIN_ATTRIBUTE } from './drive-attributes.ts';
import { type DriveNode, nsOfMs } from './drive-node.ts';
import {
  type AttributeCondition,
  keptNames,
  keptValue,
  mustBeUserAttribute,
  withAttribute,
  withoutAttribute,
} from './kept-attributes.ts';
import { PosixError } from './posix-error.ts';
import type { ScriptTree } from './script-tree.ts';

/** The extended attributes of a ScriptTree as programs see them: the drive's own, and those that they keep there. */
export class ShownAttributes {
  readonly #tree: ScriptTree;
  readonly #readOnly: boolean;

  constructor(tree: ScriptTree, readOnly: boolean) {
    this.#tree = tree;
    this.#readOnly = readOnly;
  }

  /** The drive's own are not listed: programs that copy all attributes of a file would carry its state along, and its pin. */
  names(node: DriveNode): readonly string[] {
    return keptNames(node.attributes);
  }

  /** Null: there is none of that name. @throws PosixError EOPNOTSUPP */
  value(node: DriveNode, name: string): Uint8Array | null {
    mustBeUserAttribute(name);
    if (!name.startsWith(OWN_ATTRIBUTES)) return keptValue(node.attributes, name);
    const value = attributeValue(this.#attributed(node), name);
    return value === null ? null : Buffer.from(value);
  }

  /** @throws PosixError EEXIST, EINVAL, ENODATA, ENOSPC, EOPNOTSUPP, EPERM, EROFS */
  set(node: DriveNode, name: string, value: Buffer, condition: AttributeCondition): void {
    if (name === PIN_ATTRIBUTE) this.#setPinned(node, String(value));
    else this.#keep(node, name, () => withAttribute(node.attributes, name, value, condition));
  }

  /** @throws PosixError ENODATA, EOPNOTSUPP, EPERM, EROFS */
  remove(node: DriveNode, name: string): void {
    if (name === PIN_ATTRIBUTE) this.#setPinned(node, '0');
    else this.#keep(node, name, () => withoutAttribute(node.attributes, name));
  }

  #attributed(node: DriveNode) {
    let isPinned = false;
    for (let at: DriveNode | null = node; at !== null; at = at.parent) isPinned ||= at.isPinned;
    return { entry: this.#tree.show(node), mark: this.#tree.markOf(node.id), isPinned };
  }

  #setPinned(node: DriveNode, value: string): void {
    if (!['0', '1', ''].includes(value))
      throw new PosixError('EINVAL', 'a pin is 1, or 0 for none');
    this.#tree.setPinned(node.id, value === '1');
    this.#tree.table.journal.commit();
    this.#tree.notePin(node);
  }

  /** They are this device's: sync hears nothing of it, and the version stays. */
  #keep(node: DriveNode, name: string, change: () => Buffer | null): void {
    mustBeUserAttribute(name);
    if (name.startsWith(OWN_ATTRIBUTES)) throw new PosixError('EPERM', `${name} is only shown`);
    if (this.#readOnly) throw new PosixError('EROFS', 'the drive is read-only');
    node.attributes = change();
    node.ctimeNs = nsOfMs(this.#tree.clock.now());
    this.#tree.table.changed(node);
    this.#tree.table.journal.commit();
  }
}
