import { createTheme } from '@grafana/data';

// What to draw is said in the address.
export const ASKED = new URLSearchParams(location.search);
export const THEME = createTheme({ colors: { mode: ASKED.get('theme') === 'light' ? 'light' : 'dark' } });
