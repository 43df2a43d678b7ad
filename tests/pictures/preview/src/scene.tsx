// A dashboard's JSON as Grafana's scene of it.
import {
  EmbeddedScene, SceneControlsSpacer, SceneDataTransformer, SceneGridItem, SceneGridLayout,
  SceneGridRow, SceneQueryRunner, SceneRefreshPicker, SceneTimePicker, SceneTimeRange,
  SceneVariableSet, VariableValueSelectors, VizPanel, registerRuntimePanelPlugin,
} from '@grafana/scenes';
import { bars } from './panels/bars';
import { heat } from './panels/heat';
import { lines } from './panels/lines';
import { stat } from './panels/stat';
import { table } from './panels/table';
import { words } from './panels/words';
import { fieldConfig } from './fields';
import { UID } from './prometheus';
import { variable } from './variables';

const PANELS = { bargauge: bars, heatmap: heat, stat, table, text: words, timeseries: lines };

export function registerPanels() {
  for (const [pluginId, plugin] of Object.entries(PANELS)) {
    registerRuntimePanelPlugin({ pluginId, plugin: plugin as any });
  }
}

function data({ targets = [], transformations = [], maxDataPoints, interval }: any) {
  const datasource = { uid: UID, type: 'prometheus' };
  const queries = targets.map((target: any) => ({ ...target, datasource, many: targets.length > 1 }));
  const $data = new SceneQueryRunner({ datasource, queries, maxDataPoints, minInterval: interval });
  return transformations.length ? new SceneDataTransformer({ $data, transformations }) : $data;
}

function item(panel: any) {
  const { x, y, w: width, h: height } = panel.gridPos;
  const { title, description, options = {}, type: pluginId, transparent } = panel;
  const displayMode = transparent ? 'transparent' : 'default';
  return new SceneGridItem({
    x, y, width, height,
    body: new VizPanel({
      title, description, options, pluginId, displayMode,
      fieldConfig: fieldConfig(panel.fieldConfig), $data: panel.targets ? data(panel) : undefined,
    }),
  });
}

function row({ title, gridPos, collapsed, panels = [] }: any) {
  return new SceneGridRow({ title, y: gridPos.y, isCollapsed: collapsed, children: panels.map(item) });
}

export function sceneOf(dashboard: any, from: string) {
  return new EmbeddedScene({
    $timeRange: new SceneTimeRange({ from, to: 'now' }),
    $variables: new SceneVariableSet({ variables: dashboard.templating.list.map(variable) }),
    controls: [
      new VariableValueSelectors({}), new SceneControlsSpacer(),
      new SceneTimePicker({}), new SceneRefreshPicker({}),
    ],
    body: new SceneGridLayout({
      children: dashboard.panels.map((panel: any) => (panel.type === 'row' ? row(panel) : item(panel))),
    }),
  });
}
