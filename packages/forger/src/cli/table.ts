// Columns of text for the terminal.

/**
 * Lines with each column as wide as its widest cell.
 * @param rightAligned indices of the columns that hold numbers.
 */
export function tableLines(
  rows: readonly (readonly string[])[],
  rightAligned: readonly number[] = [],
): string[] {
  const columns = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, c) =>
    Math.max(...rows.map((row) => row[c]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, c) => (rightAligned.includes(c) ? cell.padStart(widths[c]!) : cell.padEnd(widths[c]!)))
      .join('  ')
      .trimEnd(),
  );
}
