/** A safetensors file of tensors without elements. */
export function safetensors(names: readonly string[]): Buffer {
  const empty = { dtype: 'F32', shape: [0], data_offsets: [0, 0] };
  const header = Buffer.from(JSON.stringify(Object.fromEntries(names.map((name) => [name, empty]))));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header]);
}
