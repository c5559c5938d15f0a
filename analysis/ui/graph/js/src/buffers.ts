// Binary traits as typed arrays. Hosts hand them over as DataView, ArrayBuffer or a typed array, at any offset.

export class BadData extends Error {}

type Raw = DataView | ArrayBuffer | ArrayBufferView | null | undefined;

export function bytes(raw: Raw): Uint8Array {
  if (!raw) return new Uint8Array(0);
  if (raw instanceof ArrayBuffer) return new Uint8Array(raw);
  return new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength);
}

/** Bytes at an offset that a typed array of four-byte numbers accepts. */
function aligned(raw: Raw, what: string, width: number): Uint8Array {
  const found = bytes(raw);
  if (found.byteLength % width) throw new BadData(`${what} holds ${found.byteLength} bytes, not a multiple of ${width}`);
  return found.byteOffset % width ? found.slice() : found;
}

export function floats(raw: Raw, what: string): Float32Array {
  const found = aligned(raw, what, 4);
  return new Float32Array(found.buffer, found.byteOffset, found.byteLength / 4);
}

export function words(raw: Raw, what: string): Uint32Array {
  const found = aligned(raw, what, 4);
  return new Uint32Array(found.buffer, found.byteOffset, found.byteLength / 4);
}

export function shorts(raw: Raw, what: string): Uint16Array {
  const found = aligned(raw, what, 2);
  return new Uint16Array(found.buffer, found.byteOffset, found.byteLength / 2);
}
