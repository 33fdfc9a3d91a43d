import { PosixError } from './posix-error.ts';

/** Of one entry, all values and all names together; the kernel takes 64 KiB for one value, and for one list. */
const MAX_VALUE_BYTES = 64 * 1024;
const MAX_NAME_BYTES = 32 * 1024;
const HEAD_BYTES = 6;

/** What a program wants of setting an attribute: `create`: that there is none yet; `replace`: that there is one. */
export type AttributeCondition = 'create' | 'replace' | null;

const USER_ATTRIBUTES = 'user.';

/** @throws PosixError EOPNOTSUPP for the kernel's own, which a drive has none of; EINVAL */
export function mustBeUserAttribute(name: string): void {
  if (!name.startsWith(USER_ATTRIBUTES)) throw new PosixError('EOPNOTSUPP', name);
  if (name === USER_ATTRIBUTES) throw new PosixError('EINVAL', 'an attribute without a name');
}

interface KeptAttribute {
  readonly name: Buffer;
  readonly value: Buffer;
}

/**
 * Yields the extended attributes that programs keep on an entry, as they lie in its row (native/fuse/kept-attributes.hh):
 * of each the u16 length of the name, the u32 length of the value, the name and the value.
 */
function* attributesIn(packed: Buffer): Iterable<KeptAttribute> {
  for (let at = 0; at + HEAD_BYTES <= packed.length; ) {
    const nameAt = at + HEAD_BYTES;
    const valueAt = nameAt + packed.readUInt16LE(at);
    const end = valueAt + packed.readUInt32LE(at + 2);
    if (end > packed.length) return;
    yield { name: packed.subarray(nameAt, valueAt), value: packed.subarray(valueAt, end) };
    at = end;
  }
}

/** Returns the names of the attributes that programs keep on an entry. */
export function keptNames(packed: Buffer | null): readonly string[] {
  return Array.from(attributesIn(packed ?? Buffer.alloc(0)), ({ name }) => String(name));
}

/** Returns the value of that name; null: there is none. */
export function keptValue(packed: Buffer | null, name: string): Buffer | null {
  const wanted = Buffer.from(name);
  for (const each of attributesIn(packed ?? Buffer.alloc(0)))
    if (each.name.equals(wanted)) return each.value;
  return null;
}

/** Returns the attributes with one more, or another value. @throws PosixError EEXIST, ENODATA, ENOSPC */
export function withAttribute(
  packed: Buffer | null,
  name: string,
  value: Buffer,
  condition: AttributeCondition,
): Buffer {
  const isThere = keptValue(packed, name) !== null;
  if (isThere && condition === 'create') throw new PosixError('EEXIST', name);
  if (!isThere && condition === 'replace') throw new PosixError('ENODATA', name);
  const kept = [...othersThan(name, packed), { name: Buffer.from(name), value }];
  const nameBytes = kept.reduce((sum, each) => sum + each.name.length + 1, 0);
  const valueBytes = kept.reduce((sum, each) => sum + each.value.length, 0);
  if (nameBytes > MAX_NAME_BYTES || valueBytes > MAX_VALUE_BYTES)
    throw new PosixError('ENOSPC', `${name} is more than what one entry can keep`);
  return pack(kept);
}

/** Returns the attributes without that one; null: none is left. @throws PosixError ENODATA */
export function withoutAttribute(packed: Buffer | null, name: string): Buffer | null {
  if (keptValue(packed, name) === null) throw new PosixError('ENODATA', name);
  const kept = othersThan(name, packed);
  return kept.length === 0 ? null : pack(kept);
}

function othersThan(name: string, packed: Buffer | null): readonly KeptAttribute[] {
  const left = Buffer.from(name);
  return [...attributesIn(packed ?? Buffer.alloc(0))].filter((each) => !each.name.equals(left));
}

function pack(attributes: readonly KeptAttribute[]): Buffer {
  return Buffer.concat(
    attributes.flatMap(({ name, value }) => {
      const head = Buffer.alloc(HEAD_BYTES);
      head.writeUInt16LE(name.length, 0);
      head.writeUInt32LE(value.length, 2);
      return [head, name, value];
    }),
  );
}
