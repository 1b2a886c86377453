import { deflateSync } from 'node:zlib';
import type { Picture } from './picture.ts';

/** Points to the inch, a PDF's measure. */
const POINTS = 72;

/** A PDF with one picture a page. Drawn with `dpi` dots per inch, each page has as many pixels as its picture. */
export function encodePdf(pictures: readonly Picture[], dpi: number): Buffer {
  const objects: Buffer[] = [];
  /** Answers with the object's number; they count from 1. */
  const add = (...parts: ReadonlyArray<string | Buffer>): number =>
    objects.push(Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part))));
  const catalog = add('<< /Type /Catalog /Pages 2 0 R >>');
  /** Known when the pages are. */
  const tree = add('');
  const pages = pictures.map((picture) => {
    const side = (picture.side * POINTS) / dpi;
    const data = deflateSync(picture.pixels, { level: 1 });
    const size = String(picture.side);
    const image = add(
      `<< /Type /XObject /Subtype /Image /Width ${size} /Height ${size} /ColorSpace /DeviceRGB `,
      `/BitsPerComponent 8 /Filter /FlateDecode /Length ${String(data.length)} >>\nstream\n`,
      data,
      '\nendstream',
    );
    const drawing = `${String(side)} 0 0 ${String(side)} 0 0 cm /Picture Do`;
    const content = add(`<< /Length ${String(drawing.length)} >>\nstream\n${drawing}\nendstream`);
    return add(
      `<< /Type /Page /Parent ${String(tree)} 0 R /MediaBox [0 0 ${String(side)} ${String(side)}] `,
      `/Contents ${String(content)} 0 R /Resources << /XObject << /Picture ${String(image)} 0 R >> >> >>`,
    );
  });
  const kids = pages.map((page) => `${String(page)} 0 R`).join(' ');
  objects[tree - 1] = Buffer.from(`<< /Type /Pages /Kids [${kids}] /Count ${String(pages.length)} >>`);
  return assemble(objects, catalog);
}

function assemble(objects: readonly Buffer[], catalog: number): Buffer {
  const pieces: Buffer[] = [Buffer.from('%PDF-1.7\n')];
  const offsets: number[] = [];
  let length = pieces[0]?.length ?? 0;
  for (const [index, object] of objects.entries()) {
    const piece = Buffer.concat([
      Buffer.from(`${String(index + 1)} 0 obj\n`),
      object,
      Buffer.from('\nendobj\n'),
    ]);
    offsets.push(length);
    length += piece.length;
    pieces.push(piece);
  }
  // Lines of the table are 20 bytes each, their ends included.
  const entries = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  const size = String(objects.length + 1);
  const trailer = `xref\n0 ${size}\n0000000000 65535 f \n${entries}trailer\n<< /Size ${size} /Root ${String(catalog)} 0 R >>\n`;
  return Buffer.concat([...pieces, Buffer.from(`${trailer}startxref\n${String(length)}\n%%EOF\n`)]);
}
