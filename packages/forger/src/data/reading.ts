// What is said while pictures are read or data downloaded: that it begins, and for what takes long how much is left.
import { duration } from '../duration.ts';

const EVERY_MS = 10_000;

/**
 * Sentences on the progress of opening a data set.
 * @param now milliseconds, for tests.
 */
export function readingNotes(
  data: string,
  note: (message: string) => void,
  now: () => number = () => performance.now(),
): (done: number, total: number, unit: 'pictures' | 'bytes') => void {
  let begun: { unit: string; at: number; done: number } | undefined;
  let told = 0;
  return (done, total, unit) => {
    const time = now();
    const count = (n: number) =>
      unit === 'bytes' ? `${(n / 1e6).toFixed(1)} MB` : `${n.toLocaleString('en')} pictures`;
    const what = unit === 'bytes' ? `Downloading ${data}: ` : 'Reading ';
    if (begun?.unit !== unit) {
      begun = { unit, at: time, done };
      told = time;
      note(`${what}${count(total)}.`);
    } else if (time - told >= EVERY_MS && done > begun.done && done < total) {
      told = time;
      const left = ((time - begun.at) * (total - done)) / (done - begun.done) / 1000;
      note(
        `${what}${unit === 'bytes' ? count(done) : done.toLocaleString('en')} of ${count(total)}, ${duration(left)} left.`,
      );
    }
  };
}
