// The recipes by name.

import { ConfigError } from '@forger/tensor';
import { shown } from '../printable.ts';
import { didYouMean } from '../suggest.ts';
import { chainer } from './chainer.ts';
import { d2l } from './d2l.ts';
import { elix } from './elix.ts';
import type { Recipe } from './gan.ts';
import { notebook } from './notebook.ts';
import { paddle } from './paddle.ts';
import { pytorch } from './pytorch.ts';
import { quick } from './quick.ts';
import { radford } from './radford.ts';
import { tensorflow } from './tensorflow.ts';
import { vanilla } from './vanilla.ts';

export const recipes: Readonly<Record<string, Recipe>> = {
  quick,
  pytorch,
  chainer,
  tensorflow,
  d2l,
  paddle,
  elix,
  notebook,
  vanilla,
  radford,
};

/**
 * The recipe of a name.
 * @param Fault what is thrown, with the names that there are, for another.
 */
export function findRecipe(name: string, Fault: new (message: string) => Error = ConfigError): Recipe {
  const recipe = Object.hasOwn(recipes, name) ? recipes[name] : undefined;
  if (recipe === undefined) {
    throw new Fault(
      `The recipe '${shown(name)}' was asked for; there are ${Object.keys(recipes).join(', ')}: choose one of these${didYouMean(name, Object.keys(recipes))}.`,
    );
  }
  return recipe;
}
