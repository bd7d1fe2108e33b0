/** Zip files of what is packed already, as pictures are: stored, not compressed (APPNOTE.TXT 6.3, 4.3). */

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  return sum;
});
/** What fits without the extension for 64 bits, which not every unpacker reads. */
const MOST_BYTES = 0xffffffff;

/** Return a Blob of files, each {name, bytes: Uint8Array}. Throws RangeError for more than 4 GB. */
export function zipped(files, time = new Date()) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const { name, bytes } of files) {
    const title = new TextEncoder().encode(name);
    const about = fields(title, bytes, time);
    const head = [bytes4(0x04034b50), about, title];
    directory.push(
      bytes4(0x02014b50),
      bytes2(20),
      about,
      bytes2(0),
      bytes2(0),
      bytes2(0),
      bytes4(0),
      bytes4(offset),
      title,
    );
    parts.push(...head, bytes);
    offset += sizeOf(head) + bytes.length;
  }
  const size = sizeOf(directory);
  if (offset + size > MOST_BYTES || files.length > 0xffff) throw new RangeError("These are too many for one zip file.");
  const count = bytes2(files.length);
  const end = [bytes4(0x06054b50), bytes2(0), bytes2(0), count, count, bytes4(size), bytes4(offset), bytes2(0)];
  return new Blob([...parts, ...directory, ...end], { type: "application/zip" });
}

/** What a file's head and its line in the directory share: version, flags, method, time, checksum, lengths. */
function fields(title, bytes, time) {
  const clock = (time.getHours() << 11) | (time.getMinutes() << 5) | (time.getSeconds() >> 1);
  const day = ((time.getFullYear() - 1980) << 9) | ((time.getMonth() + 1) << 5) | time.getDate();
  const utf8 = 0x0800;
  const words = [bytes2(20), bytes2(utf8), bytes2(0), bytes2(clock), bytes2(day), bytes4(crc32(bytes))];
  return joined([...words, bytes4(bytes.length), bytes4(bytes.length), bytes2(title.length), bytes2(0)]);
}

function crc32(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = TABLE[(sum ^ byte) & 0xff] ^ (sum >>> 8);
  return ~sum >>> 0;
}

const bytes2 = (value) => Uint8Array.of(value & 0xff, (value >>> 8) & 0xff);
const bytes4 = (value) => Uint8Array.of(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24);
const sizeOf = (parts) => parts.reduce((sum, part) => sum + part.length, 0);

function joined(parts) {
  const whole = new Uint8Array(sizeOf(parts));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
