// Telling a user's own file from a recipe's name.

/** Whether --recipe names a file: it has a path's separators or a script's ending. */
export function isTaskFile(recipe: string): boolean {
  return /[\\/]/.test(recipe) || /\.[cm]?[jt]s$/.test(recipe);
}
