/** The things that were found in a photo. */

/** Return the thing at a point of the photo, the smallest whose box has it; null where there is none. */
export function subjectAt(subjects, x, y) {
  const area = ({ box }) => box.width * box.height;
  const there = subjects.filter(
    ({ box }) => x >= box.left && y >= box.top && x < box.left + box.width && y < box.top + box.height,
  );
  return there.sort((one, other) => area(one) - area(other))[0] ?? null;
}

/** Return the ids of those that are kept. */
export const keptOf = (subjects) => subjects.filter(({ kept }) => kept).map(({ id }) => id);
