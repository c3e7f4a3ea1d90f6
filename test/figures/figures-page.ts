/** @file The script of the test page: as any page of the package has it, and what draws live figures by hand. */
import { drawFigure, mountFigures, setUpThemeButton } from '../../web/figures/index.js';

setUpThemeButton(document.getElementById('theme') as HTMLButtonElement);
mountFigures();
Object.assign(window, { drawFigure });
