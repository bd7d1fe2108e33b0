/** Writes PNG files with 8-bit grey pixels, since a canvas writes colour only. */

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Filter type Up: most rows of a mask resemble the one above (PNG 1.2, section 6.4). */
const UP = 2;

/** Return grey bytes, row by row, as a PNG Blob (8 bits, no alpha, not interlaced). */
export async function greyPng({ width, height, data }) {
  const rows = new Uint8Array((width + 1) * height);
  for (let y = 0; y < height; y++) {
    const to = y * (width + 1);
    rows[to] = UP;
    for (let x = 0, at = y * width; x < width; x++, at++) {
      rows[to + 1 + x] = y === 0 ? data[at] : data[at] - data[at - width];
    }
  }
  const stream = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate")); // zlib format, as PNG needs
  const packed = new Uint8Array(await new Response(stream).arrayBuffer());
  const header = new Uint8Array(13);
  const sizes = new DataView(header.buffer);
  sizes.setUint32(0, width);
  sizes.setUint32(4, height);
  header[8] = 8;
  const chunks = [chunk("IHDR", header), chunk("IDAT", packed), chunk("IEND", new Uint8Array())];
  return new Blob([new Uint8Array(SIGNATURE), ...chunks], { type: "image/png" });
}

function chunk(name, data) {
  const bytes = new Uint8Array(data.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = name.charCodeAt(i);
  bytes.set(data, 8);
  view.setUint32(data.length + 8, crc(bytes.subarray(4, data.length + 8)));
  return bytes;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

function crc(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 0xff] ^ (value >>> 8);
  return ~value >>> 0;
}
