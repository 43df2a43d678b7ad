// What went wrong, for whoever draws the page: read by shoot.mjs.
const lines: string[] = ((window as any).__log = []);
export const log = (...parts: unknown[]) => { lines.push(parts.map(String).join(' ')); };

window.addEventListener('error', (event) => log('ERROR', event.message, event.error?.stack?.slice(0, 400)));
window.addEventListener('unhandledrejection', ({ reason }) => log('REJECTED', reason?.message, reason?.stack?.slice(0, 400)));
