/** @file The script of a training's page, and of a comparison: draws the figures, and follows a run that goes on. */
import { mountFigures, setUpThemeButton } from '../figures/index.js';
import { followRun } from './follow.js';
import { keepPlace, restorePlace } from './place.js';

restorePlace();
const button = document.querySelector<HTMLButtonElement>('#theme');
if (button) setUpThemeButton(button);
mountFigures();
keepPlace();
followRun();
