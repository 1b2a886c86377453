import { makePicture, type Picture } from '../picture.ts';

/** Pixels of the side of every picture: a screenshot's or a small photo's. */
const SIDE = 768;

let made = 0;

/** Pictures that nobody has been shown before in this run, so that no cache helps by accident. */
export function newPictures(count: number): Picture[] {
  return Array.from({ length: count }, () => {
    made += 1;
    return makePicture(made, SIDE);
  });
}
