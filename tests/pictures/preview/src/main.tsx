// A page that shows one dashboard: ?uid=...&theme=dark|light&minutes=...
import React from 'react';
import { createRoot } from 'react-dom/client';
import { MemoryRouter } from 'react-router-dom';
import { ThemeContext } from '@grafana/data';
import { GlobalStyles } from '@grafana/ui';
import { standIn } from './grafana';
import { log } from './log';
import { busy } from './prometheus';
import { registerPanels, sceneOf } from './scene';
import { ASKED, THEME } from './theme';
import { belongTo } from './variables';

const Page = ({ dashboard, scene }: any) => (
  <ThemeContext.Provider value={THEME}>
    <GlobalStyles />
    <MemoryRouter>
      <div style={{ background: THEME.colors.background.canvas, color: THEME.colors.text.primary, minHeight: '100%', padding: '12px 16px' }}>
        <h3 style={{ margin: 0 }}>{dashboard.title}</h3>
        <div style={{ color: THEME.colors.text.secondary, marginBottom: 4 }}>{dashboard.description}</div>
        <scene.Component model={scene} />
      </div>
    </MemoryRouter>
  </ThemeContext.Provider>
);

async function main() {
  await standIn();
  registerPanels();
  const dashboard = await (await fetch(`/boards/${ASKED.get('uid')}.json`)).json();
  const scene = sceneOf(dashboard, ASKED.has('minutes') ? `now-${ASKED.get('minutes')}m` : dashboard.time.from);
  belongTo(scene);
  createRoot(document.getElementById('root')!).render(<Page dashboard={dashboard} scene={scene} />);
  Object.assign(window, { __scene: scene, __busy: busy });
}

main().catch((error) => log('FAIL', error?.message, error?.stack));
