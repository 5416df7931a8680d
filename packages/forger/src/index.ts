// forger: data on disk, run folders, reports, and what the command does, for programs that do without the command.

export { openDataset } from './data/dataset.ts';
export { describe } from './info/info.ts';
export { describeRecipe, describeRecipes, type RecipeDescription } from './info/recipes.ts';
export { type GridOptions, writeGrid } from './report/grid.ts';
export { writeReports } from './report/report.ts';
export { sample } from './sample/sample.ts';
export {
  newConfig,
  parseConfig,
  resumeConfig,
  type TrainConfig,
  type TrainOverrides,
} from './train/config.ts';
export type { ProfileReport } from './train/profile.ts';
export type { Reporter, ReportPaths, StartInfo, TrainSummary } from './train/reporter.ts';
export { RunFolder, type RunFolderOptions } from './train/run-folder.ts';
export { StoppedError, trainRun } from './train/train.ts';
export type {
  Describe,
  Description,
  LayerRow,
  NetworkDescription,
  RunIO,
  Sample,
  SampleOptions,
  TrainRun,
} from './train/types.ts';
export { type Converted, type ConvertOptions, convert } from './weights/convert.ts';
export { readWeights } from './weights/read.ts';
